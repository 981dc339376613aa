"""A batch survives kills at any instant, a full disk, a second one, a jumping clock, half a folder."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from disk_kit import small_disk
from main_job import ISSUE, RIGHT, Desk, assert_clean, complaint, endpoint, git, replies
from scripted_server import ScriptedServer

ROWS = 10
JUMPING = """
import random, time
_real, _chance = time.time, random.Random(7)
time.time = lambda: _real() + _chance.choice((-1, 1)) * 86_400 * _chance.randrange(1, 400)
"""
"""What a process loads first in which the clock on the wall jumps by up to 400 days whenever it is read."""


def desk_of(folder: Path, rows: int = ROWS) -> Desk:
    """Return a desk with a repository and a file of rows."""
    made = Desk(folder)
    shutil.copytree(made.repository, folder / "repos" / "own__stats")
    head = git(made.repository, "rev-parse", "HEAD")
    lines = [
        {
            "instance_id": f"own__stats-{number:02}", "repo": "own/stats", "base_commit": head,
            "problem_statement": ISSUE, "patch": "GOLD", "test_patch": "GOLD",
        }
        for number in range(rows)
    ]  # fmt: skip
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in lines))
    return made


def serve(delay: float = 0.0, gate: threading.Event | None = None) -> ScriptedServer:
    """Return a server whose replies solve every row; they wait until the gate is open."""
    written = replies((RIGHT, RIGHT))

    def reply(step: str, _: object) -> str:
        if gate is not None:
            gate.wait()
        return written[step.partition("/")[2]]

    return ScriptedServer(reply, delay=delay)


def command(server: ScriptedServer, issues: int = 3) -> tuple[str, ...]:
    return (
        "eval", "--dataset", "rows.jsonl", "--name", "many", "--repos", "repos", "--sandbox", "local",
        "--samples", "2", "--issues", str(issues), *endpoint(server.base_url),
    )  # fmt: skip


def predictions(desk: Desk) -> list[str]:
    """Return the lines of the predictions, each of which must be whole."""
    file = desk.folder / "runs" / "many" / "preds.jsonl"
    lines = file.read_text().splitlines() if file.is_file() else []
    assert all(json.loads(line)["model_patch"] for line in lines)
    return lines


def recorded(desk: Desk) -> set[str]:
    """Return the addresses of the calls that the run has recorded."""
    file = desk.folder / "runs" / "many" / "run.sqlite"
    if not file.is_file():
        return set()
    with closing(sqlite3.connect(file)) as record:
        try:
            return {path for (path,) in record.execute("SELECT path FROM steps") if "/turn/" in path}
        except sqlite3.OperationalError:
            return set()


def started(desk: Desk, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        desk.command(*words), cwd=desk.folder, env=desk.variables(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def kill_at(desk: Desk, server: ScriptedServer, calls: int, seconds: float) -> tuple[set[str], Counter[str]]:
    """Begin or go on, kill after so many calls and seconds; return what is recorded, and what was asked."""
    process = started(desk, *command(server))
    try:
        server.wait_until(lambda: len(server.calls) >= calls, 120)
        time.sleep(seconds)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return recorded(desk), Counter(call.step for call in server.calls)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_twice_at_random_instants_it_ends_the_same_and_pays_nothing_twice(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    calm, desk = desk_of(tmp_path / "calm"), desk_of(tmp_path / "killed")
    with serve() as server:
        assert_clean(calm.run(*command(server)), 0)
        wanted = server.count("finished")
    with serve(delay=0.05) as server:
        places = sorted(chance.sample(range(1, wanted.total()), 2))
        for calls in places:
            before, asked = kill_at(desk, server, calls, chance.random() / 2)
            assert before <= asked.keys(), "what is recorded was asked for"
            after = Counter(call.step for call in server.calls)
            assert not [step for step in before if (after - asked)[step]]
        assert_clean(desk.run("resume", "many"), 0)
        again = Counter(call.step for call in server.calls) - asked
        assert not [step for step in before if again[step]], "a recorded call was made again"
        total = Counter(call.step for call in server.calls)
    # What was under way when it was killed has no reply that could be kept, at most one for each trajectory.
    assert total.keys() == wanted.keys() and (total - wanted).total() <= 6 * len(places)
    assert predictions(desk) == predictions(calm) and len(predictions(calm)) == ROWS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("size", ["200k", "600k"])
def test_a_disk_that_fills_up_in_the_middle_loses_nothing(tmp_path: Path, size: str) -> None:
    desk = desk_of(tmp_path)
    with serve() as server, small_disk(desk.folder / "runs", size):
        ran = desk.run(*command(server))
        assert_clean(ran, 1, "full")
        assert len(complaint(ran)) <= 2 and len(server.calls) > 0
        kept, early, paid = recorded(desk), predictions(desk), server.count("finished")
        assert kept and len(early) < ROWS
        subprocess.run(["mount", "-o", "remount,size=40m", str(desk.folder / "runs")], check=True)
        assert_clean(desk.run("resume", "many"), 0)
        assert set(early) <= set(predictions(desk)) and len(predictions(desk)) == ROWS
        again = server.count("finished") - paid
    assert not [step for step in kept if again[step]], "a recorded call was made again"


def test_a_second_batch_of_the_same_name_is_refused(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, rows=2)
    gate = threading.Event()
    with serve(gate=gate) as server:
        first = started(desk, *command(server))
        try:
            server.wait_until(lambda: server.in_flight > 0, 60)
            assert_clean(desk.run(*command(server)), 2, "in use by another swe-scale")
            assert_clean(desk.run("resume", "many"), 2, "in use by another swe-scale")
        finally:
            gate.set()
        assert first.wait(120) == 0
        paid = server.count("finished")
    assert len(predictions(desk)) == 2 and set(paid.values()) == {1}


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path) -> None:
    calm, desk = desk_of(tmp_path / "calm", rows=3), desk_of(tmp_path / "jumping", rows=3)
    (desk.folder / "loaded").mkdir()
    (desk.folder / "loaded" / "sitecustomize.py").write_text(JUMPING)
    paths = (str(desk.folder / "loaded"), os.environ.get("PYTHONPATH", ""))
    with serve(delay=0.1) as server:
        assert_clean(calm.run(*command(server), "--budget", "60min"), 0)
        desk.environment = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        assert_clean(desk.run(*command(server), "--budget", "60min"), 0)
        again = len(server.calls)
        assert_clean(desk.run(*command(server), "--budget", "60min"), 0)
        assert len(server.calls) == again
    assert predictions(desk) == predictions(calm)


def test_a_folder_that_is_half_written(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, rows=2)
    folder = desk.folder / "runs" / "many"
    folder.mkdir(parents=True)
    (folder / ".preds.jsonl.4711").write_text('{"instance_id": "own__st')
    (folder / "config.toml").write_text("[models")
    with serve() as server:
        assert_clean(desk.run("resume", "many"), 2, "there is no run 'many'")
        assert_clean(desk.run(*command(server)), 0)
        assert len(predictions(desk)) == 2
        (folder / "preds.jsonl").write_text('{"instance_id": "own__st')
        assert_clean(desk.run(*command(server)), 0)
        assert len(predictions(desk)) == 2
        asked = len(server.calls)
        with closing(sqlite3.connect(folder / "run.sqlite")) as record:
            record.execute("PRAGMA user_version = 99")
        for given in (command(server), ("resume", "many")):
            assert_clean(desk.run(*given), 1, "written by a newer swe-scale", "update swe-scale")
        raw = (folder / "run.sqlite").read_bytes()
        (folder / "run.sqlite").write_bytes(raw[: len(raw) // 2])
        ran = desk.run(*command(server))
        assert_clean(ran, 1, "run.sqlite")
        assert len(complaint(ran)) <= 2 and len(server.calls) == asked
