"""A run that is killed at any instant goes on with the same command, and pays nothing twice."""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from main_job import ALSO_RIGHT, RIGHT, WRONG, Desk, endpoint, replies
from resume_kit import counted, finished, judging
from scripted_server import ScriptedServer

BODIES = (RIGHT, ALSO_RIGHT, WRONG)
_TEST = """<create path="tests/test_{name}.py">
import unittest

from stats import mean


class Nothing(unittest.TestCase):
    def test_nothing(self):
        self.assertEqual(mean({given}), 0.0)
</create>
"""
AFTERWARDS = {
    "test/turn/01": _TEST.format(name="one", given="[0]"),
    "test/turn/02": _TEST.format(name="two", given="[]"),
    "words/01": json.dumps({"summary": "Return 0.0 for nothing", "paragraph": "It divided by zero."}),
}
"""What is said of the choice: a test that shows nothing, one that does, and words."""


def essence(stdout: str) -> object:
    answer = json.loads(stdout)
    keys = ("outcome", "patch", "candidate", "confidence", "decisions", "ranking", "reproduction", "words")
    return {key: answer[key] for key in keys}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def solve(desk: Desk, base_url: str) -> list[str]:
    return desk.command(
        "run", str(desk.issue), "--repo", str(desk.repository), "--sandbox", "local", "--json",
        "--strategy", "revise=3", "--name", "killed", "--test-rounds", "2", "--words", *endpoint(base_url),
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_random_instants_it_ends_the_same_and_pays_nothing_twice(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    calm = Desk(tmp_path / "calm")
    said = replies(BODIES) | AFTERWARDS
    with ScriptedServer(lambda step, _: said[step.partition("/")[2]]) as server:
        undisturbed = subprocess.run(
            solve(calm, server.base_url),
            cwd=calm.folder,
            env=calm.variables(),
            capture_output=True,
            text=True,
        )
    assert undisturbed.returncode == 0, undisturbed.stderr

    desk = Desk(tmp_path / "killed")
    log, folder = desk.folder / "executions", desk.folder / "runs" / "killed"
    written = replies(BODIES, log) | AFTERWARDS
    before, paid = set[str](), Counter[str]()
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]], delay=0.1) as server:
        for _ in range(4):
            process = subprocess.Popen(
                solve(desk, server.base_url), cwd=desk.folder, env=desk.variables(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            time.sleep(1.2 + chance.random() * 3)
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(1.0)  # what it had started without isolation comes to its end
            calls = server.count("finished")
            assert not [step for step in before if (calls - paid)[step]], "a recorded call was made again"
            before, paid = finished(folder), calls
        cells, runs = {step for step in before if judging(step)}, counted(log)
        last = subprocess.run(
            solve(desk, server.base_url),
            cwd=desk.folder,
            env=desk.variables(),
            capture_output=True,
            text=True,
        )
        assert last.returncode == 0, last.stderr
        again = server.count("finished") - paid
        assert not [step for step in before if again[step]], "a recorded call was made again"
    total = len([step for step in finished(folder) if judging(step)])
    assert (counted(log) - runs).total() <= total - len(cells), "a recorded execution was made again"
    assert json.loads(last.stdout)["patch"] == json.loads(undisturbed.stdout)["patch"]
    assert json.loads(last.stdout)["reproduction"]["replies"] == 2
    assert essence(last.stdout) == essence(undisturbed.stdout)


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(desk: Desk) -> None:
    written = replies(BODIES) | AFTERWARDS
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]], delay=0.5) as server:
        process = subprocess.Popen(
            solve(desk, server.base_url), cwd=desk.folder, env=desk.variables(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        server.wait_until(lambda: len(server.calls) >= 2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "swe-scale resume killed" in errors and "Traceback" not in errors
        recorded, made = finished(desk.folder / "runs" / "killed"), server.count("finished")
        resumed = desk.run("resume", "killed", "--json")
        assert resumed.returncode == 0, resumed.stderr
        assert json.loads(resumed.stdout)["outcome"] == "proposed"
        again = server.count("finished") - made
        assert recorded and not [step for step in recorded if again[step]]


def test_a_dropped_call_is_on_the_books_at_its_bound(desk: Desk) -> None:
    written = replies(BODIES) | AFTERWARDS
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]], delay=1.0) as server:
        process = subprocess.Popen(
            solve(desk, server.base_url), cwd=desk.folder, env=desk.variables(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        server.wait_until(lambda: server.in_flight > 0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed = desk.run("resume", "killed", "--json")
    assert resumed.returncode == 0, resumed.stderr
    usage = json.loads(resumed.stdout)["usage"]
    assert usage["calls"] > len(server.count("finished"))
