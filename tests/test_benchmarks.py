"""The benchmarks measure what they say; what they need from elsewhere (a baseline) is left out."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from own_loop import run_async
from sandbox_kit import configured
from vllm_kit import SETTING

from swe_scale.config import Bubblewrap
from swe_scale.records import Check, Completion, Request, Sampling, Usage

BENCHMARKS = Path(__file__).resolve().parent.parent / "evaluation" / "benchmarks"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("served", "clients", "turns"):
        monkeypatch.syspath_prepend(str(BENCHMARKS / folder))
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_measures_a_trajectory_of_ours() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "turns" / "ours.py"), "3", "2"], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["seconds"] > 0


def test_sides_take_turns_after_one_measurement_each_that_does_not_count() -> None:
    from harness import in_turn

    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = in_turn({"a": lambda: side("a"), "b": lambda: side("b")}, repeats=2)
    assert "".join(order) == "ababab"
    assert found == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_the_ratio_is_that_of_neighbouring_measurements() -> None:
    from harness import Goal, compare

    # The machine was ten times slower during the second pair; the ratio doesn't move.
    figure = compare("f", "ms", [1.0, 10.0, 1.0], [2.0, 20.0, 4.0], Goal(most=0.5))
    assert (figure.ours, figure.baseline, figure.ratio) == (1.0, 4.0, 0.5)
    assert figure.spread == (0.25, 0.5)
    assert figure.met
    assert compare("f", "ms", [3.0], [4.0], Goal(most=0.5)).met is False
    assert compare("f", "ms", [3.0], [4.0]).met is None
    assert compare("f", "×", [1.2], None, Goal(most=1.25, of_ours=True)).met
    assert compare("f", "×", [1.2], None, Goal(most=1.25)).met is None


def test_a_report_names_the_figure_the_baseline_and_the_goal(capsys: pytest.CaptureFixture[str]) -> None:
    from harness import Goal, compare, report

    figure = compare("f", "turns/s", [9.0], [2.0], Goal(least=3.0))
    report([figure], as_json=True)
    (printed,) = json.loads(capsys.readouterr().out)["figures"]
    expected = {"name": "f", "ours": 9.0, "baseline": 2.0, "unit": "turns/s", "ratio": 4.5}
    assert expected.items() <= printed.items()
    assert (printed["goal"], printed["met"]) == ("ratio ≥ 3", True)
    report([figure], as_json=False)
    assert {"turns/s", "4.5", "≥", "yes"} <= set(capsys.readouterr().out.replace("│", " ").split())


def test_growth_is_the_cost_of_a_turn_in_long_trajectories_over_that_in_short_ones() -> None:
    import orchestrator

    def run(side: str, turns: int, count: int) -> float:
        cost = 1.0 if side == "ours" else turns / 10
        return cost * turns * count

    figures = {one.name: one for one in orchestrator.measure(run, {10: 4, 40: 1}, repeats=2)}
    assert figures["trajectories of 40 turns, both recorded"].ratio == pytest.approx(4.0)
    growth = figures["cost of a turn in 40 turns ÷ in 10"]
    assert growth.ours == pytest.approx(1.0)
    assert growth.baseline == pytest.approx(4.0)
    assert growth.met


def test_the_help_of_a_command_is_timed_and_its_absence_noticed(tmp_path: Path) -> None:
    import startup

    command = [str(Path(sys.executable).parent / "swe-scale"), "--help"]
    assert startup.seconds(command, str(tmp_path)) > 0
    with pytest.raises(SystemExit, match="didn't show its help"):
        startup.seconds([sys.executable, "-c", "pass", "--help"], str(tmp_path))


@pytest.mark.bubblewrap
@pytest.mark.anyio
async def test_a_cell_of_the_sandbox_benchmark_is_fresh_and_timed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS / "cells"))
    import fresh
    from others import bare

    configured("bubblewrap")
    config = Bubblewrap(allow_unbounded=True)
    environment = await fresh.build(config)
    async with fresh.opened(config, environment) as template:
        assert await fresh.cell(template) > 0
        await fresh.storm(template, 6, 3)
        checks = [Check.of("import sys; sys.exit(42)", "reproduction")]
        assert await fresh.matrix(template, checks, 2, 2) > 0
        passing = [Check.of("pass", "reproduction")]
        with pytest.raises(ExceptionGroup) as wrong:
            await fresh.matrix(template, passing, 1, 1)
        assert wrong.group_contains(RuntimeError, match="a cell went wrong")
    fresh.write_tree(tmp_path)
    (tmp_path / "two").touch()
    assert bare(fresh.SCRIPT, str(tmp_path)) > 0
    with pytest.raises(SystemExit, match="the script went wrong"):
        bare("exit 1", str(tmp_path))


def test_the_client_is_measured_beside_the_bare_one() -> None:
    import client

    def run(program: str, side: str, url: str, way: str, size: int, each: int) -> dict[str, float]:
        assert (program, url, each) == ("asking.py", "http://here/v1", 3)
        return {"ms": (1.2 if side == "ours" else 1.0) * size * (2 if way == "streamed" else 1)}

    figures = client.requests(run, "http://here/v1", 3, repeats=2)
    assert len(figures) == 2 * len(client.SIZES)
    assert all(one.ratio == pytest.approx(1.2) and one.met for one in figures)


def test_trajectories_alive_are_measured_beside_threads() -> None:
    import client

    def run(program: str, *given: object, python: str = sys.executable) -> dict[str, float]:
        if program == "threads.py":
            assert (given, python) == ((5, 4, 3), "python-of-mini")
            return {"kB": 160.0}
        return {"kB": 210.0} if given[0] == "memory" else {"slowest": 0.5, "per_second": 9.0}

    memory, several, _, one, _ = client.trajectories(run, "url", "python-of-mini", (5, 4, 3), repeats=1)
    assert (memory.ours, memory.baseline, memory.met) == (210.0, 160.0, False)
    assert "20 trajectories" in memory.name
    assert "5 issues" in several.name and several.met
    assert "one issue" in one.name and one.met


@pytest.mark.parametrize("way", ["whole", "streamed"])
def test_both_clients_get_the_same_replies(way: str) -> None:
    import client
    from instant import serving

    with serving() as url:
        for side in ("ours", "bare"):
            assert client.run("asking.py", side, url, way, 2_000, 1)["ms"] > 0


def test_a_request_to_the_instant_server_may_come_in_pieces() -> None:
    from instant import serving

    body = b'{"stream":true}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nx-request-id: a/trajectory/01/turn/02\r\n"
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with serving() as url, socket.create_connection(("127.0.0.1", int(url.split(":")[2][:-3]))) as wire:
        for start in range(0, len(request), 30):
            wire.sendall(request[start : start + 30])
        # The next one may come with its end.
        wire.sendall(request)
        got = b""
        while got.count(b"[DONE]") < 2:
            got += wire.recv(1 << 16)
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert got.count(b'"usage"') == 2


def test_trajectories_stay_alive_and_come_to_their_end() -> None:
    import client
    from instant import serving

    with serving() as url:
        assert client.run("alive.py", "memory", url, 2, 3, 3)["kB"] > 0
        found = client.run("alive.py", "pace", url, 2, 3, 3)
    assert 0 < found["slowest"] <= 1
    assert found["per_second"] > 0


def test_the_construction_allows_whole_blocks_that_were_sent_before() -> None:
    from construction import construction

    prompts = ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7], [1, 2, 9, 9, 9], [3, 4], [1, 2, 3, 4])
    # Of the last one, the block that ends it is computed again, for the token that follows.
    assert construction(prompts, 2).allowed == (0, 4, 2, 0, 2)
    assert construction(prompts, 2).blocks == 5
    assert construction([[1, 2]], 4) == ((0,), 0)


def test_a_load_has_the_shape_that_the_servers_benchmark_gets() -> None:
    from load import Load, Sent
    from throughput import Shape

    request = Request(step="issue-1/trajectory/01/turn/01", model="m", messages=(), sampling=Sampling())
    load = Load(issues=2, siblings=5, turns=1, characters=9, reply_tokens=7)
    # Per issue a prefix of 100 tokens is read once; every prompt has 20 tokens of its own.
    counted = [
        Usage(prompt_tokens=120, cached_tokens=cached, completion_tokens=7) for cached in (0, *4 * [100])
    ]
    sent = [Sent(request, usage, 0.0, 1.0) for usage in 2 * counted]
    shape = Shape.of(load, sent)
    assert shape == (10, 2, 100, 20, 7, 10)


def test_requests_take_turns_between_replicas() -> None:
    from caching import RoundRobin, own_first

    class Noting:
        name, context_length, tools = "m", 1, False

        def __init__(self) -> None:
            self.steps: list[str] = []

        async def complete(self, request: Request) -> Completion:
            self.steps.append(request.step)
            return Completion(text="")

    async def act() -> None:
        for number in range(4):
            step = f"i/trajectory/{number:02}/turn/01"
            await both.complete(Request(step=step, model="m", messages=(), sampling=Sampling()))

    one, other = Noting(), Noting()
    both = RoundRobin((one, other))
    run_async(act)
    assert [step[-10:-8] for step in one.steps + other.steps] == ["00", "02", "01", "03"]
    asked = Request(step=one.steps[1], model="m", messages=(), sampling=Sampling())
    assert own_first(asked).messages[0].content == "This is attempt 02."


def test_what_is_not_there_to_measure_on_is_said() -> None:
    kept = {name: value for name, value in os.environ.items() if name not in (SETTING, "PATH")}
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "serving.py"), "--json"],
        env={**kept, "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"figures": []}
    assert f"caching were not measured: no vLLM: set {SETTING}" in done.stderr
    assert "throughput were not measured: no GPU" in done.stderr
