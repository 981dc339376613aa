"""Calls and the text form are one language; what goes back is well-formed, addressed and bounded."""

import itertools
import json
from typing import Any

import pytest
from calling_kit import SUBMIT, Calling, call, called
from hypothesis import assume, given
from hypothesis import strategies as st

from swe_scale.records import Completion, Message, Request, Sampling, ToolCall
from swe_scale.store import Key
from swe_scale.trajectory.conversation import Conversation
from swe_scale.trajectory.grammar import Malformed, command_of
from swe_scale.trajectory.tools import BASH_AND_SUBMIT, returned, said
from swe_scale.trajectory.workplace import seconds_of

TOOLS = tuple(one.tool for one in BASH_AND_SUBMIT)


def text_of(command: str) -> str:
    return said(Completion(text="", tool_calls=(called(command),)), BASH_AND_SUBMIT)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_a_command_is_carried_out_as_it_was_called(command: str) -> None:
    assume(command.strip())
    assert command_of(text_of(command)) == command.rstrip("\n")


@pytest.mark.parametrize(
    ("asked", "most"), [("30", 30), ("1.5", 1.5), ('"20"', 20), ("1e-7", 0.1), ("1e99", 300)]
)
def test_a_call_may_say_how_long_it_may_take(asked: str, most: float) -> None:
    reply = Completion(text="", tool_calls=(call("bash", f'{{"command": "ls", "seconds": {asked}}}'),))
    command = command_of(said(reply, BASH_AND_SUBMIT))
    assert command is not None and command.endswith("\nls") and seconds_of(command, 300.0) == most
    without = Completion(text="", tool_calls=(call("bash", '{"command": "ls", "seconds": null}'),))
    assert command_of(said(without, BASH_AND_SUBMIT)) == "ls"


@pytest.mark.parametrize(
    ("command", "most"),
    [
        ("# seconds: 30\nls", 30), ("#seconds:5", 5), ("\n\n# seconds: 2.5\nls", 2.5), ("# seconds: 0", 0.1),
        ("# seconds: 301", 300), ("ls\n# seconds: 3", 300), ("# seconds: many\nls", 300), ("", 300),
        ("# seconds: 3 or so\nls", 300),
    ],
)  # fmt: skip
def test_a_first_line_says_how_long_commands_may_take(command: str, most: float) -> None:
    assert seconds_of(command, 300.0) == most


FENCES = st.lists(
    st.sampled_from(["```bash", "```", "````sh", "````", "<submit/>", "ls", "", "```python", " ```"])
)


@given(FENCES)
def test_fences_within_a_command_close_nothing(lines: list[str]) -> None:
    command = "\n".join(["cat", *lines])
    assert command_of(text_of(command)) == command.rstrip("\n")


def test_a_submission_needs_no_arguments() -> None:
    for arguments in ("", "{}", "null", "x"):
        reply = Completion(text="", tool_calls=(call("submit", arguments),))
        assert command_of(said(reply, BASH_AND_SUBMIT)) is None


def test_a_reply_is_its_text_where_nothing_is_offered_or_called() -> None:
    assert said(Completion(text="words", tool_calls=(called("ls"),)), ()) == "words"
    assert said(Completion(text="words"), BASH_AND_SUBMIT) == "words"


def test_a_long_name_is_not_repeated_whole() -> None:
    with pytest.raises(Malformed, match=r"there is no tool 'a{60}';"):
        said(Completion(text="", tool_calls=(call("a" * 99),)), BASH_AND_SUBMIT)


CALLS = st.builds(
    ToolCall, id=st.sampled_from(["", "a", "b", "call_1", "call_2"]), name=st.text(), arguments=st.text()
)


@given(st.lists(CALLS))
def test_what_goes_back_can_be_sent(calls: list[ToolCall]) -> None:
    back = returned(calls)
    assert len({one.id for one in back} - {""}) == len(calls)
    for one in back:
        assert one.name.replace("_", "a").replace("-", "a").isalnum() and one.name.isascii()
        assert isinstance(json.loads(one.arguments), dict)


def test_what_is_well_formed_goes_back_as_it_came() -> None:
    calls = (called("ls", "x1"), call("submit", "{}", "x2"), call("bash", '{ "command" :"é" }', "x3"))
    assert returned(calls) == calls


@pytest.mark.parametrize("arguments", ['{"a": NaN}', "[]", '"x"', "{", '{"a": "\ud800"}', "[" * 5000])
def test_what_can_not_be_read_goes_back_in_an_object(arguments: str) -> None:
    assert json.loads(returned((call("bash", arguments),))[0].arguments) == {"unreadable": arguments}


def test_no_arguments_are_an_empty_object() -> None:
    assert returned((call("submit", " "),))[0].arguments == "{}"


class Keeping:
    """A ledger that books nothing, and keeps the addresses and bounds that it is given."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.bounds: list[int] = []

    async def complete(self, key: Key, request: Request, bound: int, make: Any) -> Completion:
        self.keys.append(key)
        self.bounds.append(bound)
        reply: Completion = await make()
        return reply


def conversation(ledger: Keeping, calls: tuple[ToolCall, ...], text: str = "") -> Conversation:
    model = Calling({"x/turn/01": text, "x/turn/02": ""}, calls={"x/turn/01": calls})
    return Conversation("pkg-1/x", model, ledger, Sampling(), TOOLS)  # type: ignore[arg-type]


GO = (Message(role="user", content="go"),)


@pytest.mark.anyio
async def test_every_part_of_a_call_and_of_its_answer_is_part_of_the_next_address() -> None:
    several = [
        (), (called("ls"),), (called("ls", "d"),), (called("pwd"),), (call("submit"),),
        (called("ls"), SUBMIT),
    ]  # fmt: skip
    ids = ["c", "d", "c\nso", ""]
    keys = []
    for calls, answers in itertools.product(several, ids):
        ledger = Keeping()
        talk = conversation(ledger, calls)
        await talk.ask(1, GO)
        await talk.ask(2, (Message(role="tool" if answers else "user", content="so", answers=answers),))
        keys.append(ledger.keys[-1])
    assert len(set(keys)) == len(several) * len(ids)


@pytest.mark.anyio
async def test_tools_calls_and_answers_count_in_what_is_reserved() -> None:
    heavy = called("echo " + "é" * 5000)
    ledger = Keeping()
    talk = conversation(ledger, (heavy, called("ls", "n" * 3000)))
    await talk.ask(1, GO)
    await talk.ask(2, talk.answer("so"))
    first, second = ledger.bounds
    assert first > sum(len(tool.model_dump_json()) for tool in TOOLS)
    # The first turn's prompt had 100 tokens; the calls come on top of it, and their ids twice.
    assert second > 100 + len(heavy.arguments.encode()) + 6000
    assert second < 100 + len(heavy.arguments.encode()) + 6000 + 400
