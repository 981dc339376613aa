"""A model of 8,192 tokens and an issue that is longer than that still make a run that ends in a patch."""

import json
import random
from pathlib import Path

import pytest
from main_job import ALSO_RIGHT, ISSUE, RIGHT, Desk, agent_replies, assert_clean, bash, endpoint, git, replies
from scripted_server import ScriptedServer

CONTEXT = 8192
FIX = f"sed -i 's|    return sum.*|{RIGHT}|' stats.py"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk whose issue brings a log of 40 kB, and whose repository is larger than the context."""
    made = Desk(tmp_path)
    chance = random.Random(0)
    log = "\n".join(f"{number:05} mean step {chance.random()}" for number in range(1300))
    made.issue.write_text(f"{ISSUE}\nThe log:\n\n{log}\n\nIt was found on the first day.\n", encoding="utf-8")
    assert made.issue.stat().st_size > 40_000
    for number in range(40):
        lines = "".join(f"    # mean of values, row {row}\n" for row in range(30))
        (made.repository / f"mean_{number}.py").write_text(
            f"def mean_{number}(values):\n{lines}    return 0\n"
        )
    git(made.repository, "add", "-A")
    git(made.repository, "commit", "-qm", "more")
    return made


def test_both_strategies_reach_a_patch(desk: Desk) -> None:
    written = replies([RIGHT, ALSO_RIGHT])
    written |= {step.replace("/01/", "/03/"): text for step, text in agent_replies(1, FIX).items()}
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]], max_model_len=CONTEXT) as server:
        ran = desk.solve(
            "--strategy", "revise=2", "--strategy", "agent=1", "--json", *endpoint(server.base_url)
        )
        calls = list(server.calls)
    assert_clean(ran, 0, f"context {CONTEXT:,} tokens")
    found = json.loads(ran.stdout)
    assert found["outcome"] == "proposed" and "stats.py" in found["patch"]
    assert all(call.status == 200 for call in calls), "something was too long"
    firsts = [call.body["messages"][1]["content"] for call in calls if call.step.endswith("/turn/01")]
    assert len(firsts) >= 3
    for shown in firsts:
        assert "mean() of an empty list crashes" in shown and "It was found on the first day." in shown
        assert "characters left out …" in shown and 'path="stats.py"' in shown


def test_there_is_room_for_replies_that_say_much(desk: Desk) -> None:
    noisy = "I think. " * 200 + bash("for n in $(seq 4000); do echo $n mean of values; done")
    written = {f"trajectory/01/turn/{number:02}": noisy for number in range(1, 20)}
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]], max_model_len=CONTEXT) as server:
        given = ("--strategy", "agent=1", "--turns", "3", "--json")
        ran = desk.solve(*given, *endpoint(server.base_url))
        calls = list(server.calls)
    assert "Traceback" not in ran.stderr
    assert [call.status for call in calls] == [200] * 3
    # Even where a token is three bytes, not four, the first reply and the second have room.
    for call in calls[:2]:
        size = sum(len(one["content"].encode()) for one in call.body["messages"])
        assert size // 3 + call.body["max_tokens"] <= CONTEXT
