"""Lays a trajectory out as what was said, what was run, and what that printed, whoever the agent was."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from swe_scale.analysis.leak_commands import bounded, commands_in
from swe_scale.records import Account, Completion, Execution, Trajectory, Turn

_STRINGS = 200
"""Texts that are taken of one message or one call."""
_OURS = frozenset({"assistant", "system", "developer"})


@dataclass(frozen=True, slots=True)
class Trace:
    """One reply with what came of it."""

    turn: int
    """From 1."""
    said: str
    commands: tuple[str, ...]
    shown: tuple[str, ...] = ()
    """What the model was asked: it knows that."""
    output: str | None = None
    """What the commands printed. None: that isn't known."""
    code: int | None = None


def traces(trajectory: Trajectory) -> Iterator[Trace]:
    """Yield the replies of a trajectory in their order."""
    for number, turn in enumerate(trajectory.turns, start=1):
        yield _of_turn(number, turn)
    if trajectory.account is not None:
        yield from _of_account(trajectory.account)


def _of_turn(number: int, turn: Turn) -> Trace:
    ran = [one for one in (turn.untouched, turn.edited) if one is not None]
    told = [one.content for one in turn.asked if one.role == "tool"]
    return Trace(
        turn=number,
        said=_said(turn.completion),
        commands=_commands(turn.completion),
        shown=tuple(one.content for one in turn.asked if one.role != "tool") + tuple(told),
        # What was never run brought nothing.
        output="\n".join(bounded(one.output) for one in ran),
        code=_code(ran[-1]) if ran else 1,
    )


def _code(execution: Execution) -> int | None:
    return 124 if execution.timed_out else execution.exit_code


def _of_account(account: Account) -> Iterator[Trace]:
    asked = [_messages(one.asked) for one in account.exchanges]
    after = [*(told for _, told in pairwise(asked)), None] if asked else []
    for number, (exchange, told) in enumerate(zip(account.exchanges, after, strict=True), start=1):
        if (completion := exchange.completion) is None:
            continue
        yield Trace(
            turn=number,
            said=_said(completion),
            commands=_commands(completion),
            shown=(exchange.asked,),
            output=None if told is None else "\n".join(told),
        )
    written = tuple(commands_in(f"{account.own}\n{account.execution.output}"))
    yield Trace(len(account.exchanges) + 1, bounded(account.own), () if asked else written)


def _said(completion: Completion) -> str:
    return bounded(f"{completion.reasoning}\n{completion.text}" if completion.reasoning else completion.text)


def _commands(completion: Completion) -> tuple[str, ...]:
    called = (bounded(text) for one in completion.tool_calls for text in _arguments(one.arguments))
    return (*commands_in(completion.text), *called)


def _arguments(text: str) -> tuple[str, ...]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return (text,)
    return tuple(islice(_strings(value), _STRINGS))


def _messages(asked: str) -> tuple[str, ...] | None:
    """Return what the last messages of a request told the model; None where they can't be read."""
    try:
        fields = json.loads(asked)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    messages = fields.get("messages", fields.get("input"))
    if not isinstance(messages, list):
        return None
    told = [one for one in messages if isinstance(one, dict) and one.get("role") not in _OURS]
    return tuple(bounded(text) for text in islice(_strings(told), _STRINGS))


def _strings(value: Any) -> Iterator[str]:
    """Yield the strings in a JSON value, without recursion: it may be as deep as its text is long."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            pending.extend(reversed(list(one.values())))
        elif isinstance(one, list):
            pending.extend(reversed(one))
