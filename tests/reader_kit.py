"""A repository of many files, and a scripted reader that says which of them matter."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from main_job import Desk, git
from scripted_server import ScriptedServer

PATH = re.compile(r"^(?:This is|Part \d+ of \d+ of) `(.*?)`", re.MULTILINE)
ENTRY = re.compile(r"^(\d+)\. `(.*?)`(?: \(\d+ tokens\))?: (.*)$", re.MULTILINE)
ISSUE = "# Parsing of dates fails\n\nThe parser of dates in the calendar fails on leap years.\n"
Body = dict[str, Any]


def question(body: Body) -> str:
    """Return what a call asks."""
    return str(body["messages"][-1]["content"])


def path_of(body: Body) -> str:
    """Return the file that a question is about."""
    found = PATH.search(question(body))
    assert found, question(body)
    return found[1]


def entries(body: Body) -> dict[int, tuple[str, str]]:
    """Return the paths that a question lists, and what it says about each."""
    return {int(number): (path, about) for number, path, about in ENTRY.findall(question(body))}


@dataclass
class ScriptedReader:
    """Finds certain files relevant, and puts those first that stand first here."""

    relevant: tuple[str, ...]
    others: Callable[[str, Body], str] = lambda step, body: "no reply"
    """Says what stages but the reader say."""
    read: list[str] = field(default_factory=list)
    """Paths that were asked about."""
    said: Mapping[str, str] = field(default_factory=dict)
    """Whole replies on certain files."""

    def __call__(self, step: str, body: Body) -> str:
        stage, _, rest = step.partition("/")[2].partition("/")
        if stage != "reader":
            return self.others(step, body)
        if rest.startswith("file/"):
            return self._judge(path_of(body))
        listed = {path: number for number, (path, _) in entries(body).items()}
        wanted = [listed[path] for path in self.relevant if path in listed]
        return json.dumps({"files" if rest.startswith("skim/") else "order": wanted})

    def _judge(self, path: str) -> str:
        self.read.append(path)
        if path in self.said:
            return self.said[path]
        note = f"{path} decides" if path in self.relevant else ""
        return json.dumps(
            {"relevant": path in self.relevant, "note": note, "summary": f"holds {Path(path).stem}"}
        )


def many(count: int = 300, lines: int = 60) -> dict[str, str]:
    """Return files of distinct contents, one of them about the issue."""
    words = ("order", "invoice", "stock", "mail", "user", "report", "page", "cache", "queue", "colour")
    files = {
        f"shop/{words[number % 10]}_{number}.py": "\n".join(
            f"def {words[(number + line) % 10]}_{number}_{line}(value):\n"
            f"    return value * {number} + {line}  # of {words[line % 10]}\n"
            for line in range(lines)
        )
        for number in range(count)
    }
    files["shop/calendar.py"] = "def parse_date(text):\n    return text.split('-')  # leap years\n" * 20
    return files


@dataclass
class ReadingDesk(Desk):
    """A desk with another repository, whose issue is about one of many files."""

    files: Mapping[str, str] = field(default_factory=lambda: many(30))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.issue.write_text(ISSUE)
        self.other = self.folder / "other"
        self.other.mkdir()
        git(self.other, "init", "-q", "-b", "main", ".")
        self.change(self.files)

    def change(self, files: Mapping[str, str]) -> None:
        """Make a commit that writes files."""
        for path, text in files.items():
            (self.other / path).parent.mkdir(parents=True, exist_ok=True)
            (self.other / path).write_text(text, encoding="utf-8", errors="surrogateescape")
        git(self.other, "add", "-A")
        git(self.other, "commit", "-q", "-m", "change")

    def options(self, server: ScriptedServer) -> tuple[str, ...]:
        """Return the options that name the server's model as reader, too."""
        return ("--base-url", server.base_url, "--model", "scripted", "--reader-model", "scripted")

    def context(
        self, server: ScriptedServer, *more: str, issue: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `swe-scale context`."""
        place = ("--repo", str(self.other), "--json")
        return self.run("context", issue or str(self.issue), *place, *self.options(server), *more)

    def document(self, server: ScriptedServer, *more: str, issue: str | None = None) -> dict[str, Any]:
        """Return what it prints."""
        ran = self.context(server, *more, issue=issue)
        assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        return found


def paths(found: Mapping[str, Any]) -> list[str]:
    """Return the paths of a ranking."""
    return [one["path"] for one in found["ranking"]]
