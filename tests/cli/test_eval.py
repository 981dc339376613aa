"""`swe-scale eval`: many issues from a file, good rows and bad ones."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job import ISSUE, RIGHT, Desk, assert_clean, complaint, endpoint, git, replies
from scripted_server import ScriptedServer


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk with a folder of repositories, as `--repos` wants it."""
    made = Desk(tmp_path)
    shutil.copytree(made.repository, tmp_path / "repos" / "own__stats")
    return made


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    written = replies((RIGHT, RIGHT))
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as running:
        yield running


def row(desk: Desk, name: str, **changes: object) -> str:
    head = git(desk.repository, "rev-parse", "HEAD")
    known = {"instance_id": name, "repo": "own/stats", "base_commit": head, "problem_statement": ISSUE}
    return json.dumps(known | {"patch": "GOLD", "test_patch": "GOLD", "hints_text": "GOLD"} | changes)


def command(desk: Desk, server: ScriptedServer, *lines: str) -> tuple[str, ...]:
    (desk.folder / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return (
        "eval", "rows.jsonl", "--name", "many", "--repos", "repos", "--sandbox", "local", "--samples", "2",
        *endpoint(server.base_url),
    )  # fmt: skip


def predictions(desk: Desk) -> dict[str, str]:
    file = desk.folder / "runs" / "many" / "preds.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    assert all(one.keys() == {"instance_id", "model_name_or_path", "model_patch"} for one in rows)
    return {one["instance_id"]: one["model_patch"] for one in rows}


def test_good_rows_finish_whatever_stands_beside_them(desk: Desk, server: ScriptedServer) -> None:
    bad_rows = {
        "{garbage": "line 2: not JSON",
        "[1]": "line 3: not an object",
        '{"instance_id": "x"}': "line 4: repo, base_commit, problem_statement missing",
        row(desk, "own__stats-1"): "line 5: own__stats-1 stands in the file twice",
        row(desk, "empty", problem_statement="# \n"): "line 6: the issue is empty",
        row(desk, "a/../b"): "line 7: instance_id 'a/../b'",
        "[" * 100_000: "line 8: not JSON",
    }
    failing = {
        row(desk, "no-commit", base_commit="f" * 40): "no-commit failed",
        row(desk, "no-repo", repo="file:///nowhere"): "no-repo failed",
        row(desk, "option", repo="--upload-pack=x"): "option failed",
    }
    good = ("own__stats-1", "own__stats-2", "local")
    last = (row(desk, good[1]), row(desk, good[2], repo=str(desk.repository)))
    given = command(desk, server, row(desk, good[0]), *bad_rows, *failing, *last)
    ran = desk.run(*given)
    assert_clean(ran, 1, *bad_rows.values(), *failing.values())
    assert "3 proposed, 0 abstained, 3 failed, 7 rows unusable" in ran.stdout
    found = predictions(desk)
    assert sorted(found) == sorted(good) and all("if values else 0.0" in patch for patch in found.values())
    assert not any("GOLD" in json.dumps(call.body) for call in server.calls)

    calls = len(server.calls)
    again = desk.run(*given, "--json")
    assert_clean(again, 1)
    document = json.loads(again.stdout)
    assert document["solutions"].keys() == set(good) and len(document["unusable_rows"]) == 7
    assert document["failures"].keys() == {"no-commit", "no-repo", "option"}
    assert len(server.calls) == calls and predictions(desk) == found


def test_files_without_a_usable_row(desk: Desk, server: ScriptedServer) -> None:
    given = command(desk, server)
    for content in (b"\n \n", os.urandom(300) + b"\n{}\n" * 20):
        (desk.folder / "rows.jsonl").write_bytes(content)
        ran = desk.run(*given)
        assert_clean(ran, 2, "rows.jsonl holds no usable row")
        assert len(complaint(ran)) <= 6
    missing = [part.replace("repos", "nowhere") if part == "repos" else part for part in given]
    assert_clean(desk.run(*missing), 2, "--repos nowhere is not a folder")
    assert not server.calls


def test_killed_and_taken_up_again_with_many_at_a_time(desk: Desk) -> None:
    written = replies((RIGHT, RIGHT))
    names = [f"own__stats-{number}" for number in range(6)]
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]], delay=0.3) as server:
        given = (*command(desk, server, *(row(desk, name) for name in names)), "--issues", "3")
        process = subprocess.Popen(
            desk.command(*given), cwd=desk.folder, env=desk.variables(), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + 60
        while not predictions(desk):
            assert time.monotonic() < until and process.poll() is None, "no prediction came as it went"
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        early, before = predictions(desk), server.count("finished")
        assert early and len(early) < len(names)
        last = desk.run("resume", "many")
        assert_clean(last, 0)
        again = server.count("finished") - before
    assert server.max_in_flight >= 3
    assert not [step for step in again if step.split("/")[0] in early], "a finished issue was paid again"
    found = predictions(desk)
    assert sorted(found) == names and {name: found[name] for name in early} == early
