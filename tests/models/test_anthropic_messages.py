"""Requests in Anthropic's form: whatever the conversation, the service's rules are kept."""

import copy
import json

from hypothesis import given
from hypothesis import strategies as st
from messages_protocol import LATEST, prefix, wrong

from swe_scale.models.messages import Abilities, body_of
from swe_scale.records import Message, Request, Sampling, ToolCall

TEXTS = st.text(st.sampled_from("ab \n"), max_size=8)
ANYTHING = Abilities(efforts=frozenset({"low"}), adaptive=True)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Message, ...]:
    """Return what happens between two words of the user."""
    calls = tuple(
        ToolCall(id=f"t{number}", name="bash", arguments=draw(st.sampled_from(["", "{}", '{"a": 1}', "{"])))
        for number in range(draw(st.integers(0, 3)))
    )
    said = Message(role="assistant", content=draw(TEXTS), tool_calls=calls)
    return (said, *(Message(role="tool", content=draw(TEXTS), answers=call.id) for call in calls))


@st.composite
def users(draw: st.DrawFn) -> Message:
    text = draw(TEXTS)
    return Message(role="user", content=text, shared=draw(st.integers(0, len(text) + 1)))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    messages = [Message(role="system", content=draw(TEXTS), shared=draw(st.integers(0, 3)))]
    messages += [Message(role="user", content="begin"), draw(users())]
    for _ in range(draw(st.integers(0, 4))):
        messages += [*draw(turns()), draw(users())]
    return (*messages, Message(role="user", content="so?"))


def request(messages: tuple[Message, ...], effort: str | None = None) -> Request:
    sampling = Sampling(temperature=None, max_tokens=64, effort=effort)
    return Request(step="pkg/1", model="claude", messages=messages, sampling=sampling)


@given(conversations(), st.sampled_from([None, "low", "odd"]))
def test_the_rules_are_kept(messages: tuple[Message, ...], effort: str | None) -> None:
    body = body_of(request(messages, effort), ANYTHING).fields
    assert wrong(copy.deepcopy(body), LATEST, samples=False) is None
    json.dumps(body)


@given(conversations())
def test_nothing_is_lost_but_blanks(messages: tuple[Message, ...]) -> None:
    body = body_of(request(messages), Abilities()).fields
    sent = "".join(block.get("text", "") or str(block.get("content", "")) for block in prefix(body))
    said = "".join(one.content for one in messages)
    assert "".join(sent.split()) == "".join(said.split())


@given(conversations(), conversations())
def test_what_siblings_share_is_sent_byte_for_byte(
    mine: tuple[Message, ...], other: tuple[Message, ...]
) -> None:
    shared = Message(role="user", content="the files", shared=5)
    bodies = [body_of(request((shared, *messages)), Abilities()).fields for messages in (mine, other)]
    first = [body["messages"][0]["content"][0] for body in bodies]
    assert first[0]["text"] == first[1]["text"] == "the f"
    assert "cache_control" in body_of(request((shared,)), Abilities()).fields["messages"][0]["content"][0]
