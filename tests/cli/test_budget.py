"""A budget is never exceeded by the server's own count, and what is there when it ends is voted on."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from chat_protocol import Fault, tokens
from main_job import ALSO_RIGHT, RIGHT, Desk, assert_clean, check, endpoint, git, replies
from scripted_server import ScriptedServer

PRICES = '[prices."scripted"]\nprompt = 1000.0\ncompletion = 5000.0\n'
"""US dollars per million tokens."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


class Till:
    """Counts what every call cost, finished or not, as the server sees it."""

    def __init__(self, count: int) -> None:
        self._written = replies((RIGHT, ALSO_RIGHT) * (count // 2))
        self.prompt = self.completion = 0

    def __call__(self, step: str, body: dict[str, object]) -> str:
        text = self._written[step.partition("/")[2]]
        messages = body["messages"]
        assert isinstance(messages, list)
        self.prompt += tokens("".join(str(message["content"]) for message in messages))
        self.completion += tokens(text)
        return text

    @property
    def usd(self) -> float:
        return (self.prompt * 1000 + self.completion * 5000) / 1e6


@pytest.mark.parametrize("budget", ["60000tokens", "100usd"])
def test_tokens_and_money_hold_over_a_kill(desk: Desk, budget: str) -> None:
    config = desk.folder / "config.toml"
    config.write_text(PRICES)
    till = Till(12)
    with ScriptedServer(till, delay=0.2) as server:
        options = (
            "--samples", "12", "--budget", budget, "--config", str(config), "--name", "killed", "--json",
            *endpoint(server.base_url),
        )  # fmt: skip
        process = subprocess.Popen(
            desk.command("run", str(desk.issue), "--repo", "repo", "--sandbox", "local", *options),
            cwd=desk.folder, env=desk.variables(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        server.wait_until(lambda: len(server.calls) >= 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        ran = desk.solve(*options)
    assert ran.returncode in (0, 3), ran.stderr
    answer = json.loads(ran.stdout)
    ends = [one["outcome"] for one in answer["trajectories"]]
    assert "budget" in ends, "the budget was never felt"
    assert len(ends) == 12 and answer["usage"]["calls"] > 3
    booked = answer["usage"]
    if budget.endswith("tokens"):
        assert (
            till.prompt + till.completion <= booked["prompt_tokens"] + booked["completion_tokens"] <= 60_000
        )
    else:
        assert till.usd <= booked["usd"] <= 100


def test_a_budget_too_small_for_one_call_spends_nothing(desk: Desk) -> None:
    with ScriptedServer(Till(2)) as server:
        ran = desk.solve("--samples", "2", "--budget", "100tokens", *endpoint(server.base_url))
        assert not server.calls
    assert_clean(ran, 3)
    assert "the budget is smaller than one call: the next call may need" in ran.stdout


def test_when_the_minutes_are_over_what_is_there_is_voted_on(desk: Desk) -> None:
    with ScriptedServer(replies_of("issue", RIGHT, RIGHT, ALSO_RIGHT)) as server:
        for step in ("issue/trajectory/03/turn/02", "issue/selection/turn/01"):
            server.faults[step] = [Fault(hang=True, always=True)]
            ran = desk.solve("--samples", "3", "--budget", "0.1min", "--json", *endpoint(server.base_url))
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    assert [one["outcome"] for one in answer["trajectories"]] == ["done", "done", "budget"]
    assert answer["outcome"] == "proposed" and sum(answer["seconds"].values()) < 60


def replies_of(issue: str, *bodies: str) -> dict[str, str]:
    return {f"{issue}/{step}": text for step, text in replies(bodies).items()}


def test_code_that_never_ends_does_not_outlast_the_minutes(desk: Desk) -> None:
    slow = check().replace("import sys\n", "import sys, time\ntime.sleep(600)\n", 1)
    written = replies_of("issue", RIGHT, ALSO_RIGHT)
    written["issue/trajectory/01/turn/01"] = "So.\n" + slow
    (desk.repository / "tests/test_slow.py").write_text("import time\nimport stats\ntime.sleep(600)\n")
    git(desk.repository, "add", "-A")
    git(desk.repository, "commit", "-qm", "slow")
    with ScriptedServer(written) as server:
        ran = desk.solve("--samples", "2", "--budget", "0.1min", "--json", *endpoint(server.base_url))
    assert ran.returncode in (0, 3), ran.stderr
    answer = json.loads(ran.stdout)
    assert sum(answer["seconds"].values()) < 60
    assert {one["outcome"] for one in answer["trajectories"]} == {"budget", "done"}
