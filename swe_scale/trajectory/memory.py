"""The messages of one conversation, of which old observations give way before the context is full."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from swe_scale.ledger import text_bound
from swe_scale.records import Message

_CALL_OVERHEAD = 32
"""Tokens that a chat template adds to one call, at most, in those that we know of."""
_LEFT = 0.6
"""Part of the room beside the opening that is still taken after old observations gave way: not less, so that
much is kept, and not more, so that the server's prefix cache is of use for some turns."""
_FENCE = re.compile(r"(`{3,})\w*")
_ENDS = ((200, 400), (0, 0))
"""Characters that stay at the head and tail of what a command printed, at first and when that doesn't do."""
_SPARED = 300
"""Characters beyond these that aren't worth being left out."""


def condensed(text: str, ends: tuple[int, int] = _ENDS[0]) -> str:
    """Return an observation in which of all that is fenced, where that is long, only the ends are left.

    What stands outside of fences, such as exit codes, stays.
    """
    lines, kept, at = text.split("\n"), list[str](), 0
    while at < len(lines):
        fence = _FENCE.fullmatch(lines[at])
        end = next((i for i in range(at + 1, len(lines)) if lines[i] == fence[1]), at) if fence else at
        if end > at:
            kept += [lines[at], _cut("\n".join(lines[at + 1 : end]), *ends)]
        kept.append(lines[end])
        at = end + 1
    return "\n".join(kept)


def _cut(text: str, first: int, last: int) -> str:
    if len(text) <= first + last + _SPARED:
        return text
    head, tail = text[:first], text[len(text) - last :]
    # Whole lines, where there are any.
    head = head.rpartition("\n")[0] or head
    tail = tail.partition("\n")[2] or tail
    left = len(text) - len(head) - len(tail)
    said = f"… {left:,} characters left out to make room; run it again if you need it …"
    return "\n".join(filter(None, (head, said, tail)))


@dataclass(slots=True)
class _Observation:
    """Messages that tell what came of one reply."""

    start: int
    whole: tuple[Message, ...]
    least: int = 0
    """Tokens that their contents have at least as they are sent, as far as is known."""
    cut: int = 0
    """How often they gave way."""

    @property
    def place(self) -> slice:
        """Where they are among all messages."""
        return slice(self.start, self.start + len(self.whole))


class Memory:
    """The messages that are sent, and an upper bound of their tokens.

    Once the bound is more than there is room for, the oldest observations are condensed, many at a time; the
    opening, the replies and the newest observation stay whole.
    """

    def __init__(self, room: int, standing: int) -> None:
        """Begin without messages.

        Args:
            room: tokens that a prompt may have.
            standing: bound of the tokens that every prompt has beside its messages.
        """
        self.messages: list[Message] = []
        self.bound = standing
        self.condensed = 0
        """How often an observation gave way."""
        self._room, self._standing = room, standing
        self._observed: list[_Observation] = []
        self._opening = self._counted = self._answer = self._total = 0
        self._rate = 0.0
        self._settled = True

    def ask(self, asked: Sequence[Message]) -> tuple[Message, ...]:
        """Append messages; return those that had to give way for them, as they are now."""
        if self.messages:
            self._observed.append(_Observation(len(self.messages), tuple(asked)))
        self.messages += asked
        self.bound += bound_of(asked)
        self._total += bound_of(asked)
        changed = self._make_room() if self.bound > self._room else {}
        self.condensed += len(changed)
        self._settled = not changed
        return tuple(message for one in changed.values() for message in self.messages[one.place])

    def answered(self, answer: Message, prompt_tokens: int) -> None:
        """Append a reply, and take over what its prompt has turned out to have."""
        grown = prompt_tokens - self._counted - self._answer
        if self._observed and self._settled:
            newest = self._observed[-1]
            newest.least = self._content_of(newest, grown)
        self._opening = self._opening or prompt_tokens
        self._counted, self._answer = prompt_tokens, bound_of((answer,))
        self._rate = min(1.0, prompt_tokens / max(1, self._total))
        self._total += self._answer
        # The reply comes back as text, which a tokenizer may cut into more pieces than it was drawn in.
        self.messages.append(answer)
        self.bound = prompt_tokens + self._answer

    def _content_of(self, one: _Observation, tokens: int) -> int:
        """Return how many of an observation's tokens are its contents' at least; never more than bytes."""
        size = sum(size_of(message.content) for message in one.whole)
        return max(0, min(size, tokens - (bound_of(one.whole) - size)))

    def _make_room(self) -> Mapping[int, _Observation]:
        """Let old observations give way, the oldest first; return those that did, by their place."""
        target = self._opening + _LEFT * (self._room - self._opening)
        likely, changed = float(self.bound), dict[int, _Observation]()
        for times, ends in enumerate(_ENDS, start=1):
            if likely <= self._room and times > 1:
                break
            for one in self._observed[:-1]:
                if likely <= target:
                    break
                if one.cut < times:
                    one.cut = times
                    if saved := self._cut(one, ends):
                        likely -= self._rate * saved
                        changed[one.start] = one
        self.bound = min(self.bound, self._standing + self._total)
        return changed

    def _cut(self, one: _Observation, ends: tuple[int, int]) -> int:
        """Let an observation give way; return the bytes that this saves, 0 where it would save none."""
        brief = [said.model_copy(update={"content": condensed(said.content, ends)}) for said in one.whole]
        saved = bound_of(self.messages[one.place]) - bound_of(brief)
        if saved <= 0:
            return 0
        self.messages[one.place] = brief
        self._total -= saved
        self.bound += sum(size_of(said.content) for said in brief) - one.least
        one.least = 0
        return saved


def parts_of(messages: Sequence[Message]) -> Iterator[str]:
    """Return the texts by which messages of ours are told apart."""
    for message in messages:
        yield f"{message.role}\n{message.content}"
        if message.answers:
            yield f"answers\n{message.answers}"


def called(message: Message) -> Iterator[str]:
    """Return the texts of a message's calls."""
    for call in message.tool_calls:
        yield from (call.id, call.name, call.arguments)


def bound_of(messages: Sequence[Message]) -> int:
    """Return an upper bound of the tokens of messages with their calls, as `text_bound` does of texts."""
    calls = sum(size_of(part) for message in messages for part in (message.answers, *called(message)))
    return text_bound(list(messages)) + calls + _CALL_OVERHEAD * sum(len(one.tool_calls) for one in messages)


def size_of(text: str) -> int:
    """Return a text's bytes."""
    return len(text.encode("utf-8", "surrogatepass"))
