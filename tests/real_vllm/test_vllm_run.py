"""Whole runs against a real vLLM, whose random model never keeps the format, end in good order."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from main_job import Desk, assert_clean
from vllm_kit import MODEL
from vllm_served import CACHED, ENDED, GENERATED, PROMPT, RUNNING, Figures, Served

pytestmark = pytest.mark.vllm


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def options(server: Served, *strategies: str) -> tuple[str, ...]:
    chosen = [part for strategy in strategies for part in ("--strategy", strategy)]
    return ("--json", "--name", "it", "--base-url", server.base_url, "--model", MODEL, *chosen)


def counted(before: Figures, after: Figures) -> dict[str, float]:
    """Return what a server counted, by our names for it."""
    names = {
        "calls": ENDED, "prompt_tokens": PROMPT, "cached_tokens": CACHED, "completion_tokens": GENERATED,
    }  # fmt: skip
    return {ours: after[theirs] - before[theirs] for ours, theirs in names.items()}


def booked(usage: dict[str, Any]) -> dict[str, float]:
    return {name: usage[name] for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens")}


def test_nothing_is_proposed_and_all_is_booked(server: Served, desk: Desk) -> None:
    before = server.figures()
    ran = desk.solve(*options(server, "revise=2", "agent=1"), "--turns", "3")
    assert_clean(ran, 3, "no reply kept the format")
    answer = json.loads(ran.stdout)
    assert (answer["outcome"], answer["patch"]) == ("abstained", None)
    assert {one["outcome"] for one in answer["trajectories"]} == {"malformed"}
    spent = booked(answer["usage"])
    assert spent == counted(before, server.wait_until_idle())
    assert spent["calls"] >= 3 and spent["cached_tokens"] > 0
    assert booked(answer["stages"]["trajectory"]) == spent


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_that_is_ended_frees_the_server_and_pays_nothing_twice(
    server: Served, desk: Desk, number: signal.Signals, code: int
) -> None:
    place = ("--repo", str(desk.repository), "--sandbox", "local", "--turns", "12")
    before = server.figures()
    process = subprocess.Popen(
        desk.command("run", str(desk.issue), *place, *options(server, "revise=2")), cwd=desk.folder,
        env=desk.variables(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    server.wait_until(lambda found: found[ENDED] - before[ENDED] >= 2 and found[RUNNING] >= 1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code and "Traceback" not in errors
    server.wait_until_idle()

    resumed = desk.run("resume", "it", "--json")
    assert_clean(resumed, 3)
    answer = json.loads(resumed.stdout)
    paid = counted(before, server.wait_until_idle())
    kept = [one["usage"] for one in answer["trajectories"]]
    # A reply that the server had ended as the run was may not have been recorded yet: one a trajectory.
    assert 0 <= paid["calls"] - sum(one["calls"] for one in kept) <= len(kept)
    spent = booked(answer["usage"])
    # Calls that were broken off are booked at their bound, since nobody knows what they cost.
    for name in ("calls", "prompt_tokens", "completion_tokens"):
        assert spent[name] >= paid[name], (name, spent, paid)
