"""A small repository with an issue, and replies that solve it, for tests of the whole command."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ready_kit import run_ready

ISSUE = "# mean() of an empty list crashes\n\n`mean([])` raises ZeroDivisionError; it should return 0.0.\n"
SOURCE = "def mean(values):\n    return sum(values) / len(values)\n"
TEST = """import unittest

from stats import mean


class Mean(unittest.TestCase):
    def test_of_two(self):
        self.assertEqual(mean([1, 2]), 1.5)
"""
TOML = '[environment]\nsetup = []\ntest = "python3 -m unittest {tests}"\n'


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    ran = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return ran.stdout.strip()


def make_repository(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """Make a repository of one commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main", ".")
    content = files or {"stats.py": SOURCE, "tests/test_stats.py": TEST, "swe-scale.toml": TOML}
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def check(log: Path | None = None, name: str = "") -> str:
    """Return a check; with a log it leaves a line there each time that it runs, sandbox or not."""
    note = f"open({str(log)!r}, 'a').write({name!r} + ' ' + body + '\\n')\n" if log else ""
    return (
        "<check>\nimport sys\nimport hashlib\n"
        "body = hashlib.sha256(open('stats.py', 'rb').read()).hexdigest()[:12]\n"
        f"{note}from stats import mean\n"
        f"# {name}\n"
        "try:\n    ok = mean([]) == 0.0 and mean([4]) == 4\nexcept ZeroDivisionError:\n    ok = False\n"
        "print('resolved' if ok else 'not resolved')\nsys.exit(0 if ok else 42)\n</check>\n"
    )


def edit(new: str) -> str:
    """Return an edit of the one line that matters."""
    return (
        '<edit path="stats.py">\n<<<<<<< SEARCH\n    return sum(values) / len(values)\n=======\n'
        f"{new}\n>>>>>>> REPLACE\n</edit>\n"
    )


RIGHT = "    return sum(values) / len(values) if values else 0.0"
ALSO_RIGHT = "    if not values:\n        return 0.0\n    return sum(values) / len(values)"
WRONG = "    return sum(values) / max(len(values), 2)"


def script() -> str:
    """Return the text of a check, without its tags."""
    return check().removeprefix("<check>\n").removesuffix("</check>\n")


def bash(*lines: str) -> str:
    """Return an agent's reply that runs these lines."""
    return "\n".join(["Let me see.", "```bash", *lines, "```"]) + "\n"


def agent_replies(count: int, *commands: str) -> dict[str, str]:
    """Return the replies of agents that write a check, run the same commands one by one, and submit."""
    first = bash("mkdir -p .swe-scale && cat > .swe-scale/check.py <<'END'", script() + "END")
    texts = (first, *(bash(command) for command in commands), "<submit/>\n")
    return {
        f"trajectory/{index:02}/turn/{number:02}": text
        for index in range(1, count + 1)
        for number, text in enumerate(texts, start=1)
    }


def assert_clean(ran: subprocess.CompletedProcess[str], code: int, *texts: str) -> None:
    """Fail unless a command ended with this code and said this on stderr, without a traceback."""
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr
    for text in texts:
        assert text in ran.stderr, ran.stderr


def complaint(ran: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines in which a failed command says what was wrong."""
    _, mark, said = ran.stderr.partition("swe-scale: ")
    assert mark, ran.stderr
    return said.splitlines()


def replies(bodies: Sequence[str], log: Path | None = None) -> dict[str, str]:
    """Return three replies per trajectory: a check, an edit, the end."""
    found: dict[str, str] = {}
    for index, body in enumerate(bodies, start=1):
        place = f"trajectory/{index:02}/turn"
        found[f"{place}/01"] = "I look at the issue.\n" + check(log, f"c{index}")
        found[f"{place}/02"] = "Now the change.\n" + edit(body)
        found[f"{place}/03"] = "It is complete.\n<done/>\n"
    found["selection/turn/01"] = 'Both are right.\n<choose candidate="A"/>\n'
    return found


@dataclass
class Desk:
    """A folder to work in, with a repository and an issue."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.repository = make_repository(self.folder / "repo")
        self.issue = self.folder / "issue.md"
        self.issue.write_text(ISSUE, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "swe_scale", *arguments]

    def variables(self) -> dict[str, str]:
        return {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"), **self.environment}

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return run_ready(arguments, self.folder, self.variables(), stdin, timeout=240)

    def solve(self, *arguments: str, repo: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run `swe-scale run` on the issue with the local sandbox."""
        place = str(repo or self.repository)
        return self.run("run", str(self.issue), "--repo", place, "--sandbox", "local", *arguments)


def endpoint(base_url: str) -> tuple[str, ...]:
    """Return the options that name a scripted server."""
    return ("--base-url", base_url, "--model", "scripted")


def document(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the one document that a command printed, beside which it said nothing."""
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    found: dict[str, Any] = json.loads(ran.stdout, parse_constant=lambda name: pytest.fail(name))
    return found
