"""At the deadline what is there is voted on, by a process that begins after it, too; nothing new is begun."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from chat_protocol import Fault
from main_job import ALSO_RIGHT, ISSUE, RIGHT, Desk, assert_clean, endpoint, git, replies
from scripted_server import ScriptedServer

SOON = ("--deadline", "+0.15min")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def served() -> ScriptedServer:
    written = replies((RIGHT, ALSO_RIGHT, RIGHT))
    return ScriptedServer(lambda step, _: written[step.partition("/")[2]])


def options(server: ScriptedServer, *more: str) -> tuple[str, ...]:
    return ("--samples", "3", "--selection-turns", "0", "--json", *more, *endpoint(server.base_url))


def hang(server: ScriptedServer, step: str) -> None:
    server.faults[step] = [Fault(hang=True, always=True)]


def test_what_is_there_is_voted_on_and_with_a_later_one_it_goes_on(desk: Desk) -> None:
    with served() as server:
        hang(server, "issue/trajectory/03/turn/02")
        ran = desk.solve(*options(server, *SOON))
        assert_clean(ran, 0, "; ends by 20", " UTC+")
        server.faults.clear()
        before = len(server.calls)
        later = desk.solve(*options(server, "--deadline", "+30min"))
        plain = desk.solve(*options(server))
        after = [call.step for call in server.calls[before:]]
    first, second = json.loads(ran.stdout), json.loads(later.stdout)
    assert [one["outcome"] for one in first["trajectories"]] == ["done", "done", "budget"]
    assert first["outcome"] == "proposed"
    assert [one["outcome"] for one in second["trajectories"]] == ["done"] * 3
    assert after == ["issue/trajectory/03/turn/02", "issue/trajectory/03/turn/03"]
    assert json.loads(plain.stdout) == second, "a run is the same run whenever it is to end"


def test_the_earlier_of_deadline_and_minutes_counts(desk: Desk) -> None:
    with served() as server:
        hang(server, "issue/trajectory/03/turn/02")
        ran = desk.solve(*options(server, "--deadline", "+5h", "--budget", "0.1min", "--name", "one"))
        other = desk.solve(*options(server, *SOON, "--budget", "5h", "--name", "two"))
    for one in (ran, other):
        assert_clean(one, 0)
        assert json.loads(one.stdout)["trajectories"][2]["outcome"] == "budget"


def test_resumed_after_the_deadline_it_concludes_without_a_call(desk: Desk) -> None:
    with served() as server:
        hang(server, "issue/trajectory/03/turn/03")
        log = desk.folder / "log"
        with log.open("w") as told:
            process = subprocess.Popen(
                desk.command(
                    "run", str(desk.issue), "--repo", "repo", "--sandbox", "local", "--name", "late",
                    *options(server, "--deadline", "+0.4min"),
                ),
                cwd=desk.folder, env=desk.variables(), stdout=subprocess.DEVNULL, stderr=told,
                start_new_session=True,
            )  # fmt: skip
        begun = time.time()
        server.wait_until(
            lambda: (
                all(f"trajectory/0{n}: done" in log.read_text() for n in (1, 2))
                and (len(server.calls), server.in_flight) == (8, 1)
            )
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
        server.wait_until(lambda: time.time() > begun + 24, 60)
        before = len(server.calls)
        ran = desk.run("resume", "late", "--json")
        assert len(server.calls) == before
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    assert [one["outcome"] for one in answer["trajectories"]] == ["done", "done", "budget"]
    last = answer["trajectories"][2]
    assert last["turns"] == 2 and "the deadline is over" in last["error"]
    assert len(answer["candidates"]) == 2 and answer["candidates"][0]["authors"], "its change counts, too"


def test_issues_that_were_not_begun_are_no_abstentions(desk: Desk) -> None:
    shutil.copytree(desk.repository, desk.folder / "repos" / "own__stats")
    head = git(desk.repository, "rev-parse", "HEAD")
    rows = [
        {"instance_id": name, "repo": "own/stats", "base_commit": head, "problem_statement": ISSUE}
        for name in ("one", "two", "three")
    ]
    (desk.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with served() as server:
        ran = desk.run(
            "eval", "rows.jsonl", "--name", "many", "--repos", "repos", "--sandbox", "local",
            *options(server, "--deadline", "+0.5min"),
        )  # fmt: skip
        resumed = desk.run("resume", "many")
        assert not server.calls
    assert_clean(ran, 1)
    answer = json.loads(ran.stdout)
    assert not answer["solutions"] and answer["not_started"].keys() == {"one", "two", "three"}
    assert_clean(resumed, 1, "3 not started: the deadline left less than a minute for it")


def test_a_deadline_that_cannot_be_used_is_said(desk: Desk) -> None:
    for text, said in (("soon", "can't be understood"), ("2020-01-01T00:00", "is over: it is")):
        with served() as server:
            ran = desk.solve(*options(server, "--deadline", text))
            assert not server.calls
        assert_clean(ran, 2, said)
