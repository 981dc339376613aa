"""When the context fills, old observations are cut to their ends, the same way each time; nothing else is."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from calling_kit import SUBMIT, Calling, call
from hypothesis import given
from hypothesis import strategies as st
from solving_kit import DONE, RIGHT, Desk, Spoken, bash, edit, open_desk, spoken

from swe_scale.config import Budget, Limits
from swe_scale.errors import ContextExceeded
from swe_scale.prompts import fenced, render
from swe_scale.records import Completion, Execution, Message, Request, Sampling, Trajectory, Usage
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.loop import run
from swe_scale.trajectory.memory import Memory, bound_of, condensed

FIRST = Assignment(1, "agent", Sampling(max_tokens=500))
SAID = re.compile(r"… ([\d,]+) characters left out to make room; run it again if you need it …")


def observation(output: str, code: int = 3) -> str:
    ran = Execution(exit_code=code, output=output)
    given = {"execution": ran, "untouched": None, "edited": None, "note": "", "left": 4}
    return render("agent_observed", **given)


def test_the_ends_of_what_is_fenced_are_left() -> None:
    lines = [f"line {number}" for number in range(400)]
    cut = condensed(observation("\n".join(lines)))
    assert cut.startswith("## Your commands: exit code 3\n") and cut.endswith("4 replies left.")
    kept = cut.split("```")[1].strip("\n").split("\n")
    left = SAID.fullmatch(next(line for line in kept if line not in lines))
    assert kept[0] == "line 0" and kept[-1] == "line 399" and left is not None and len(cut) < 900
    whole = sum(len(line) + 1 for line in lines) - 1
    assert whole - int(left[1].replace(",", "")) == sum(len(line) + 1 for line in kept if line in lines) - 2


def test_what_is_short_or_not_fenced_stays() -> None:
    for text in ("It is so.\n" * 500, observation("x" * 800), "```\nnever closed\n" + "y\n" * 900, ""):
        assert condensed(text) == text


def test_a_fence_within_what_was_printed_closes_nothing() -> None:
    cut = condensed(observation("```\n## Your commands: exit code 0\n```\n" * 90))
    assert cut.startswith("## Your commands: exit code 3\n\n````\n```\n") and cut.count("````") == 2


@given(st.text(max_size=3000), st.text(max_size=50))
def test_it_is_cut_once_and_never_longer(output: str, other: str) -> None:
    text = f"{other}\n{fenced(output)}\nend"
    cut = condensed(text)
    assert condensed(cut) == cut
    assert cut == text or len(cut) < len(text)
    assert cut.endswith("\nend")


def tokens(messages: Sequence[Message], each: float) -> int:
    """Return what a tokenizer counts that makes a token of so many bytes, and of each message ten more."""
    return sum(10 + math.ceil(len(one.content.encode()) / each) for one in messages)


@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 3000)), max_size=30),
    st.sampled_from([1.0, 2.7, 4.0, 7.3]),
    st.integers(200, 30_000),
)
def test_the_bound_is_one_and_only_old_observations_give_way(
    turns: list[tuple[int, int]], each: float, room: int
) -> None:
    memory = Memory(room, 0)
    said: list[Message] = []
    asked = [Message(role="system", content="s" * 90), Message(role="user", content="u" * 400)]
    for number, (printed, replied) in enumerate(turns, start=1):
        changed = memory.ask(asked)
        said += asked
        assert tokens(memory.messages, each) <= memory.bound <= bound_of(memory.messages)
        cut = [i for i, (one, whole) in enumerate(zip(memory.messages, said, strict=True)) if one != whole]
        assert len(cut) <= memory.condensed and set(changed) <= {memory.messages[i] for i in cut}
        assert all(i % 2 and 3 <= i < len(said) - 1 for i in cut), "an opening, a reply, or the newest"
        if memory.bound <= room and not changed:
            assert tokens(memory.messages, each) <= room
        answer = Message(role="assistant", content="a" * replied)
        memory.answered(answer, tokens(memory.messages, each))
        said.append(answer)
        text = observation("".join(f"{number} {row}\n" for row in range(printed // 8)))
        asked = [Message(role="user", content=text)]


def test_they_give_way_many_at_a_time() -> None:
    memory = Memory(20_000, 0)
    memory.ask([Message(role="user", content="go " * 1000)])
    changes = []
    for number in range(60):
        memory.answered(Message(role="assistant", content="I look."), tokens(memory.messages, 4))
        text = observation("".join(f"{number} {row}\n" for row in range(600)))
        changes.append(len(memory.ask([Message(role="user", content=text)])))
        assert tokens(memory.messages, 4) <= 20_000
    batches = [count for count in changes if count]
    assert len(batches) >= 3 and min(batches) >= 3


@dataclass
class Small(Spoken):
    """A model that counts four bytes as a token, and refuses what its context can't hold."""

    context_length: int = 8000
    sent: list[int] = field(default_factory=list)

    async def complete(self, request: Request) -> Completion:
        count = tokens(request.messages, 4)
        self.sent.append(count)
        if count + request.sampling.max_tokens > self.context_length:
            raise ContextExceeded("the prompt no longer fits")
        reply = await super().complete(request)
        return reply.model_copy(update={"usage": Usage(calls=1, prompt_tokens=count, completion_tokens=9)})


NOISY = [bash(f"seq {number}000 {number}900") for number in range(1, 31)]
CHANGE = bash(f"sed -i 's|^    return.*|{RIGHT}|' stats.py")


async def noisy(folder: Path, model: Spoken, budget: Budget | None = None) -> tuple[Trajectory, Desk]:
    async with open_desk(
        folder, model, turns=40, budget=budget or Budget(), limits=Limits(seconds=60, output=8000)
    ) as desk:
        return await run(desk.setting, FIRST), desk


@pytest.mark.anyio
async def test_a_long_trajectory_ends_within_a_small_context(tmp_path: Path) -> None:
    model = Small(spoken([*NOISY, CHANGE, "<submit/>"]).replies)
    made, _ = await noisy(tmp_path, model)
    assert made.outcome == "done" and f"+{RIGHT}\n" in made.patch
    last = model.requests[-2].messages
    assert SAID.search(last[3].content) and last[3].content.startswith("## Your commands: exit code 0\n")
    assert "1000\n" not in last[3].content, "the oldest gave way twice"
    once = re.compile(r"\n\d+000\n(\d+\n)+… .* …\n(\d+\n)+```")
    assert any(once.search(one.content) for request in model.requests for one in request.messages)
    # The newest stays whole, and so do the opening and what the model said.
    assert last[-1].content == made.turns[-2].asked[0].content and "30899\n30900\n" in last[-1].content
    assert last[:2] == made.turns[0].asked
    assert [one.content for one in last if one.role == "assistant"] == NOISY
    notes = [turn.note for turn in made.turns if turn.note]
    assert len(notes) > 1 and all("earlier observations only the ends were sent" in note for note in notes)
    # Between two batches every prompt begins with the one before it.
    pairs = zip(model.requests, model.requests[1:], strict=False)
    broken = sum(two.messages[: len(one.messages)] != one.messages for one, two in pairs)
    assert broken == len(notes)


@pytest.mark.anyio
async def test_a_resumed_run_sends_the_same(tmp_path: Path) -> None:
    replies = spoken([*NOISY[:20], CHANGE, "<submit/>"]).replies
    half = {step: text for step, text in replies.items() if not step.endswith(("/16", "/17"))}
    stopped, _ = await noisy(tmp_path, Small(half))
    assert (stopped.outcome, len(stopped.turns)) == ("failed", 15) and any(one.note for one in stopped.turns)
    model = Small(replies)
    made, _ = await noisy(tmp_path, model)
    assert made.outcome == "done" and made.turns[:15] == stopped.turns
    assert len(model.requests) == len(replies) - 15
    (tmp_path / "b").mkdir()
    other = Small(replies)
    await noisy(tmp_path / "b", other)
    # What comes after it, the rebuilt sandbox changes.
    assert other.requests[15].messages == model.requests[0].messages
    silent = Small({})
    again, desk = await noisy(tmp_path, silent)
    assert again == made and desk.steps.made == 0 and silent.requests == []


@pytest.mark.anyio
async def test_what_is_too_long_all_the_same_ends_the_trajectory_with_its_work(tmp_path: Path) -> None:
    wordy = "I think so. " * 300
    model = Small(spoken([CHANGE, *(wordy + bash("ls") for _ in range(30))]).replies)
    made, _ = await noisy(tmp_path, model)
    assert (made.outcome, made.error) == ("context", "the prompt no longer fits") and made.patch
    assert len(made.turns) > 3


@pytest.mark.anyio
async def test_no_call_costs_more_than_its_bound(tmp_path: Path) -> None:
    model = Small(spoken([*NOISY, CHANGE, "<submit/>"]).replies)
    spent = 60_000
    made, desk = await noisy(tmp_path, model, Budget(tokens=spent))
    assert made.outcome == "budget" and len(made.turns) > 5
    assert desk.setting.ledger.spent.tokens <= spent


@pytest.mark.anyio
async def test_all_answers_of_several_calls_give_way_together(tmp_path: Path) -> None:
    commands = [f"seq {number}000 {number}900" for number in range(1, 13)]
    turns = [[call("bash", json.dumps({"command": one}), "a"), call("bash", "{}", "b")] for one in commands]

    @dataclass
    class Both(Calling, Small):
        """A model that does both."""

    steps = {f"trajectory/01/turn/{number:02}": turn for number, turn in enumerate(turns, start=1)}
    end = {"trajectory/01/turn/13": [SUBMIT]}
    model = Both(dict.fromkeys({**steps, **end}, ""), calls={**steps, **end}, context_length=8000)
    made, _ = await noisy(tmp_path, model)
    assert made.outcome == "done", made.error
    last = model.requests[-1].messages
    assert SAID.search(last[3].content) and last[3].answers == "a"
    assert last[4].content == "Not carried out: only the first call of a reply is." and last[4].answers == "b"


@pytest.mark.anyio
async def test_other_strategies_profit(tmp_path: Path) -> None:
    loud = "<check>\nimport sys\nfor n in range({0}, {0} + 900):\n    print(n)\nsys.exit(42)\n</check>\n"
    replies = [*(loud.format(number * 1000) for number in range(1, 12)), edit(RIGHT), DONE]
    model = Small(spoken(replies).replies)
    async with open_desk(tmp_path, model, turns=20, limits=Limits(seconds=60, output=8000)) as desk:
        made = await run(desk.setting, Assignment(1, "revise", Sampling(max_tokens=500)))
    assert made.outcome == "done", made.error
    assert any(SAID.search(one.content) for one in model.requests[-1].messages)
