"""Whole commands with named strategies: plans, rounds, models, variants; killed, cut short, misnamed."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from chat_protocol import Fault
from main_job import (
    ALSO_RIGHT,
    RIGHT,
    WRONG,
    Desk,
    assert_clean,
    bash,
    check,
    complaint,
    edit,
    endpoint,
    replies,
)
from scripted_server import ScriptedServer

SEEN = "<observations>\n1. it divides\n2. callers want floats\n3. nothing is special\n</observations>\n"
PLANS = '<plan number="1">\nGuard first.\n</plan>\n<plan number="2">\nDivide by one.\n</plan>\n'
BETTER = "    return sum(values) / len(values) if len(values) else 0.0"
ROUNDS = ("--strategy", "plan=2", "--strategy", "refine=1", "--strategy", "fork=1")


def script() -> dict[str, str]:
    """Two planned trajectories, one that refines, one that forks from the best."""
    return replies((ALSO_RIGHT, WRONG)) | {
        "plan/turn/01": SEEN,
        "plan/turn/02": PLANS,
        "trajectory/03/turn/01": check(None, "c3") + edit(BETTER) + "<done/>\n",
        "trajectory/04/turn/01": bash("sed -i 's/0.0$/0.0  # of nothing/' stats.py"),
        "trajectory/04/turn/02": "<submit/>\n",
    }


def serve(written: Mapping[str, str], **settings: Any) -> ScriptedServer:
    return ScriptedServer(lambda step, _: written[step.partition("/")[2]], **settings)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def solution(ran: subprocess.CompletedProcess[str], *codes: int) -> dict[str, Any]:
    assert ran.returncode in (codes or (0,)), ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_who_takes_a_step_per_reply_has_more_of_them(desk: Desk) -> None:
    steps = {f"trajectory/02/turn/{number:02}": bash(f"ls {number}") for number in range(1, 12)}
    written = replies((RIGHT,)) | steps | {"trajectory/02/turn/12": "<submit/>"}
    with serve(written) as server:
        ran = desk.solve(
            "--strategy", "revise=1", "--strategy", "agent=1", "--json", *endpoint(server.base_url)
        )
    assert "1 × revise of up to 8 replies + 1 × agent of up to 40 replies; model" in ran.stderr
    assert [one["outcome"] for one in solution(ran, 3)["trajectories"]] == ["done", "done"]


def test_plans_then_rounds_in_one_command(desk: Desk) -> None:
    with serve(script()) as server:
        found = solution(desk.solve(*ROUNDS, "--json", "--name", "whole", *endpoint(server.base_url)))
        asked = {call.step: call.body["messages"][1]["content"] for call in server.calls}
    assert found["outcome"] == "proposed"
    actions = [one["action"] for one in found["decisions"]]
    assert actions[:6] == ["start", "start", "check", "refine", "fork", "check"]
    assert found["stages"]["plan"]["calls"] == 2
    by_index = {one["index"]: one for one in found["trajectories"]}
    assert [by_index[index]["plan"] for index in (1, 2)] == ["Guard first.", "Divide by one."]
    assert "Guard first." in asked["issue/trajectory/01/turn/01"]
    assert "Guard first." not in asked["issue/trajectory/02/turn/01"]
    assert by_index[4]["began"] == by_index[1]["tree"] != by_index[4]["tree"]
    assert "return 0.0" in asked["issue/trajectory/03/turn/01"]
    assert found["diversity"]["forms"] == 3 and set(found["diversity"]["strategies"]) == {
        "plan", "refine", "fork"
    }  # fmt: skip
    shown = desk.run("resume", "whole")
    assert "Diversity: 3 trees, 3 forms" in " ".join(shown.stdout.split())


def test_the_repository_s_form_of_the_fork_is_an_echo(desk: Desk) -> None:
    written = script() | {"trajectory/04/turn/01": "<submit/>\n"}
    with serve(written) as server:
        found = solution(desk.solve(*ROUNDS, "--json", *endpoint(server.base_url)))
    assert sorted(one["authors"] for one in found["candidates"]) == [[1], [2], [3]]
    leader = next(one for one in found["ranking"] if one["candidate"] == found["trajectories"][0]["tree"])
    assert leader["similar"] == 0, "a fork that changes nothing is no second author"


def made(server: ScriptedServer, step: str) -> bool:
    return step in server.count("finished")


def test_killed_in_any_round_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    calm = Desk(tmp_path / "calm")
    with serve(script()) as server:
        wanted = solution(calm.solve(*ROUNDS, "--json", "--name", "k", *endpoint(server.base_url)))
    desk = Desk(tmp_path / "killed")
    paid = Counter[str]()
    with serve(script(), delay=0.15) as server:
        arguments = (
            "run", str(desk.issue), "--repo", str(desk.repository), "--sandbox", "local", *ROUNDS, "--json",
            "--name", "k", *endpoint(server.base_url),
        )  # fmt: skip
        for step in (
            "plan/turn/02",
            "trajectory/02/turn/02",
            "trajectory/03/turn/01",
            "trajectory/04/turn/02",
        ):
            process = subprocess.Popen(
                desk.command(*arguments), cwd=desk.folder, env=desk.variables(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            server.wait_until(partial(made, server, f"issue/{step}"))
            time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()
        found = solution(desk.run(*arguments))
        paid = server.count("finished")
    keys = ("outcome", "patch", "candidate", "decisions", "ranking", "diversity")
    assert {key: found[key] for key in keys} == {key: wanted[key] for key in keys}
    given = [(one["plan"], one["began"], one["shown"]) for one in found["trajectories"]]
    assert given == [(one["plan"], one["began"], one["shown"]) for one in wanted["trajectories"]]
    # A reply that was under way when the process died may be asked for again, once per kill.
    assert all(count <= 2 for count in paid.values()) and sum(paid.values()) <= len(script()) + 4


@pytest.mark.parametrize(
    ("tokens", "plans"),
    [
        # Not enough for a call beside that of the plans; and enough, so that both have begun without a plan.
        (14_000, ["Guard first.", "Divide by one."]),
        (24_000, ["", ""]),
    ],
)
def test_a_budget_that_ends_in_the_plan_stage_says_so_and_more_makes_the_plans(
    desk: Desk, tokens: int, plans: list[str]
) -> None:
    written = script() | {"plan/turn/01": "I think. " * 3000 + "\n" + SEEN}
    with serve(written) as server:
        where = endpoint(server.base_url)
        given = ("--strategy", "plan=2", "--name", "poor", "--json", *where)
        poor = desk.solve(*given, "--budget", f"{tokens}tokens")
        found = solution(poor, 0, 3)
        assert (
            "planning ended early" in poor.stderr and "2 of 2 trajectories begin without one" in poor.stderr
        )
        assert [one["plan"] for one in found["trajectories"]] == ["", ""]
        assert found["usage"]["prompt_tokens"] + found["usage"]["completion_tokens"] <= tokens
        rich = solution(desk.solve(*given))
        asked = [call.step for call in server.calls]
        assert asked.count("issue/plan/turn/01") == 1 and len(asked) == len(set(asked))
    assert [one["plan"] for one in rich["trajectories"]] == plans


def test_a_deadline_in_the_refine_round_keeps_what_the_first_has(desk: Desk) -> None:
    hangs = {"issue/trajectory/03/turn/01": [Fault(hang=True)] * 9}
    with serve(script(), faults=hangs) as server:
        options = ("--strategy", "revise=2", "--strategy", "refine=1", "--budget", "0.4min", "--json")
        found = solution(desk.solve(*options, *endpoint(server.base_url)), 0, 3)
    ends = {one["index"]: one["outcome"] for one in found["trajectories"]}
    assert ends == {1: "done", 2: "done", 3: "budget"}
    assert len(found["candidates"]) == 2 and found["ranking"][0]["votes"] >= 1


CONFIG = """
[models.default]
kind = "openai"
base_url = "URL"
model = "scripted"

[models.other]
kind = "openai"
base_url = "OTHER"
model = "other"

[strategies.mine]
kind = "revise"
model = "other"
variant = "root-cause"

[strategies.yours]
kind = "revise"
variant = "own/way.md"
"""


LOST = CONFIG.replace('"other"\nvariant', '"gone"\nvariant')


def configured(desk: Desk, text: str, url: str = "http://127.0.0.1:9/v1", other: str = "") -> str:
    path = desk.folder / "config.toml"
    path.write_text(text.replace("URL", url).replace("OTHER", other or url))
    return str(path)


def test_a_strategy_has_its_own_model_and_variant(desk: Desk) -> None:
    (desk.folder / "own").mkdir()
    (desk.folder / "own/way.md").write_text("Do it {{ your }} way.\n")
    written = replies((RIGHT, ALSO_RIGHT))
    with serve(written) as server, serve(written, model="other") as other:
        config = configured(desk, CONFIG, server.base_url, other.base_url)
        options = ("--config", config, "--strategy", "mine=1", "--strategy", "yours=1", "--name", "own")
        found = solution(desk.solve(*options, "--json"))
        assert {call.step.split("/")[2] for call in other.calls} == {"01"}
        first, second = (one.calls[0].body["messages"][1]["content"] for one in (other, server))
        (desk.folder / "own/way.md").unlink()
        again = desk.run("resume", "own", "--json")
    assert [one["model"] for one in found["trajectories"]] == ["other", "scripted"]
    assert "Follow the bad value back" in first and second.endswith("\n\nDo it {{ your }} way.")
    shared = first[: first.index("# How you go about it")]
    assert second.startswith(shared) and len(shared) > 2000, "what siblings share comes first"
    assert solution(again) == found


@pytest.mark.parametrize(
    ("strategies", "text", "faults"),
    [
        (("magic=1",), CONFIG, ["there is no strategy 'magic'", "plan, refine, fork, check", "mine"]),
        (("mine",), CONFIG, ["write NAME=COUNT"]),
        (("mine=0",), CONFIG, ["write NAME=COUNT"]),
        (("mine=1",), LOST, ["strategy 'mine' wants the model 'gone'", "known are default, other"]),
        (("yours=1",), CONFIG, ["own/way.md", "no such file", "minimal, root-cause, tests-first"]),
        (("mine=1",), CONFIG.replace("root-cause", ".."), ["can't be read"]),
        (("mine=1",), CONFIG.replace("root-cause", "empty.md"), ["between 1 and 16,384 bytes"]),
        (("mine=1",), CONFIG.replace("root-cause", "large.md"), ["between 1 and 16,384 bytes"]),
        (("mine=1",), CONFIG.replace("root-cause", "binary.md"), ["no text in UTF-8"]),
        (("mine=1", "--budget", "1usd"), CONFIG, ["needs a price"]),
        (("mine=1",), CONFIG.replace('"revise"', '"magic"'), ["strategies.mine", "not a valid"]),
        (("mine=1",), CONFIG.replace('"root-cause"', '"minimal"\nstart = "end"'), ["strategies.mine"]),
    ],
)  # fmt: skip
def test_what_is_misnamed_is_said_with_what_is_known(
    desk: Desk, strategies: tuple[str, ...], text: str, faults: list[str]
) -> None:
    (desk.folder / "empty.md").write_text(" \n")
    (desk.folder / "large.md").write_text("x" * 20_000)
    (desk.folder / "binary.md").write_bytes(b"\xff\xfe\x00")
    name, *more = strategies
    with serve({}) as server, serve({}, model="other") as other:
        config = configured(desk, text, server.base_url, other.base_url)
        ran = desk.solve("--config", config, "--strategy", name, *more)
        assert not server.calls and not other.calls
    assert_clean(ran, 2, *faults)
    assert len(complaint(ran)) <= 24000
