"""`swe-scale prepare`: its steps, what it says of them, and that whatever was found out stays found out."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from main_job import Desk, assert_clean, git, make_repository

TOML = "[environment]\nlanguage = 'python'\nsetup = []\ntest = 'python3 -m unittest {tests}'\n"
CASE = "import unittest\nimport calc\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        {line}\n"
FILES = {
    "calc.py": "def add(a, b):\n    return a + b\n",
    "test_a.py": CASE.format(line="calc.add(1, 2)"),
    "swe-scale.toml": TOML,
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def repository(desk: Desk, more: Mapping[str, str] = {}) -> str:
    return str(make_repository(desk.folder / "other", {**FILES, **more}))


def prepare(desk: Desk, repo: str, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code and what is said of each step."""
    ran = desk.run("prepare", repo, "--sandbox", "local", "--json", *arguments)
    assert "Traceback" not in ran.stderr
    told = json.loads(ran.stdout)
    assert set(told) == {"repo", "base", "steps"}
    keys = {"name", "done", "kept", "failed", "seconds", "note"}
    assert all(set(step) == keys for step in told["steps"])
    return ran.returncode, {step["name"]: step for step in told["steps"]}


def test_the_second_time_there_is_nothing_to_do(desk: Desk) -> None:
    repo = repository(desk)
    code, first = prepare(desk, repo)
    assert (code, list(first)) == (0, ["symbols", "environment", "tests", "summaries"])
    assert (first["environment"]["done"], first["tests"]["done"]) == (1, 1)
    code, second = prepare(desk, repo)
    assert (code, second["environment"]["kept"], second["tests"]["kept"]) == (0, 1, 1)
    assert second["environment"]["done"] == second["tests"]["done"] == 0
    shown = desk.run("prepare", repo, "--sandbox", "local")
    assert_clean(shown, 0)
    assert "1 test files known" in shown.stdout and "built before; 1 passed" in shown.stdout


def test_a_failing_environment_is_a_reason_and_no_obstacle(desk: Desk) -> None:
    repo = repository(desk, {"swe-scale.toml": TOML.replace("setup = []", 'setup = "echo no luck; exit 3"')})
    code, steps = prepare(desk, repo)
    assert code == 1
    assert "no luck" in steps["environment"]["failed"] and "no luck" in steps["tests"]["failed"]
    assert not steps["symbols"]["failed"]
    shown = desk.run("prepare", repo, "--sandbox", "local")
    assert_clean(shown, 1)
    assert "failed: the set-up command" in shown.stdout


def test_tests_of_which_none_runs_are_a_failure(desk: Desk) -> None:
    repo = repository(desk, {"test_a.py": "import no_such_module_at_all\n"})
    code, steps = prepare(desk, repo)
    assert code == 1 and steps["environment"]["failed"] and steps["tests"]["failed"]


def test_a_repository_without_tests_is_none(desk: Desk) -> None:
    repo = str(make_repository(desk.folder / "other", {"calc.py": "", "swe-scale.toml": TOML}))
    code, steps = prepare(desk, repo)
    assert (code, steps["tests"]["note"]) == (0, "no tests of its own are known")


def test_steps_are_left_out(desk: Desk) -> None:
    code, steps = prepare(desk, repository(desk), "--skip", "environment", "--skip", "tests")
    assert (code, list(steps)) == (0, ["symbols", "summaries"])
    assert not (desk.folder / "cache" / "swe-scale" / "environments" / "local").exists()
    code, steps = prepare(desk, str(desk.folder / "other"), "--minutes", "0")
    assert code == 0 and all("time was up" in step["note"] for step in steps.values())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--skip", "dreams"), 2, "there is no such step"),
        (("--base", "nowhere"), 1, "nowhere"),
        (("--minutes", "-1"), 2, ""),
    ],
)
def test_what_cannot_be_used_is_said(desk: Desk, arguments: tuple[str, ...], code: int, said: str) -> None:
    ran = desk.run("prepare", repository(desk), *arguments)
    assert ran.returncode == code
    assert said in ran.stderr and "Traceback" not in ran.stderr


def test_an_empty_repository_is_one_clear_error(desk: Desk) -> None:
    place = desk.folder / "empty"
    place.mkdir()
    git(place, "init", "-q", "-b", "main", ".")
    assert_clean(desk.run("prepare", str(place)), 1)
    assert_clean(desk.run("prepare", str(desk.folder / "nothing")), 1)


def test_an_unknown_sandbox_is_bad_usage_though_other_steps_are_taken(desk: Desk) -> None:
    ran = desk.run("prepare", repository(desk), "--sandbox", "dream", "--json")
    steps = {step["name"]: step for step in json.loads(ran.stdout)["steps"]}
    assert ran.returncode == 2
    assert "there is no sandbox" in steps["environment"]["failed"] and not steps["symbols"]["failed"]


def test_what_was_found_out_before_it_was_killed_is_kept(desk: Desk) -> None:
    gate = desk.folder / "gate"
    waiting = f"import os, time\n        while not os.path.exists({str(gate)!r}): time.sleep(0.05)"
    repo = repository(desk, {"test_b.py": CASE.format(line=waiting)})
    command = desk.command("prepare", repo, "--sandbox", "local", "--cells", "1", "--skip", "environment")
    gate.touch()
    _, steps = prepare(desk, repo, "--skip", "tests")
    assert steps["environment"]["done"] == 1
    gate.unlink()
    with subprocess.Popen(
        command, cwd=desk.folder, env=desk.variables(), stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL, start_new_session=True,
    ) as running:  # fmt: skip
        assert running.stderr is not None
        assert any("test_a.py: known" in line for line in running.stderr)
        os.kill(running.pid, signal.SIGKILL)
    gate.touch()
    code, steps = prepare(desk, repo)
    assert (code, steps["tests"]["kept"], steps["tests"]["done"]) == (0, 1, 1)
