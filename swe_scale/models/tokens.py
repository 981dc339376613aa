"""Counts texts in the tokens of a model, by whatever knows them; all of it may fail, and then it is left."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, runtime_checkable

import anyio

__all__ = ["Counted", "Counter", "Counts", "Source", "Unable", "count_tokens"]

_SECONDS: Final = 120.0
"""For all texts of one call together."""
_PART: Final = 65_536
"""Characters that are counted at a time; a cut costs a token at most."""
_SLACK: Final = 8
"""Tokens that a text may have beyond its bytes: some tokenizers put something in front."""
_SILENT: Final = 64
"""Bytes of a text of which nothing may be left; some tokenizers drop what can't be seen."""


class Counted(NamedTuple):
    """How many tokens texts have."""

    tokens: tuple[int, ...]
    """Of each text, in their order."""
    by: str
    """Who counted, in words."""


class Unable(Exception):
    """Tokens can't be counted in this way. Its text says why; empty: nobody need be told."""


class Source(Protocol):
    """A way to count tokens."""

    @property
    def name(self) -> str:
        """What counts, in words."""
        ...

    async def count(self, text: str) -> int:
        """Return the tokens of a text.

        Raises:
            Unable: there is no such way, or it can't be relied on.
        """
        ...


@runtime_checkable
class Counts(Protocol):
    """A model that may know how many tokens texts have."""

    async def count_tokens(self, texts: Sequence[str]) -> Counted | None:
        """Return the tokens of each text without those that mark its ends; None where nothing counts them."""
        ...


async def count_tokens(model: object, texts: Sequence[str]) -> Counted | None:
    """Return how many tokens each text has for a model; None where only an estimate is to be had.

    Never raises for what a server, a file or a library does wrong, and ends within two minutes.
    """
    return await model.count_tokens(texts) if isinstance(model, Counts) else None


@dataclass(slots=True)
class Counter:
    """Counts by the first source that can; one that fails is asked no more."""

    sources: tuple[Source, ...]
    at_a_time: int
    note: Callable[[str], None]
    """Gets the reason when a source is given up."""

    async def count(self, texts: Sequence[str]) -> Counted | None:
        """Return the tokens of each text; None where no source is left."""
        while self.sources:
            source = self.sources[0]
            try:
                with anyio.fail_after(_SECONDS):
                    found = await _counted(source, texts, self.at_a_time)
            except TimeoutError:
                self._give_up(source, f"{source.name} takes longer than {_SECONDS:g} s to count tokens")
            except Unable as reason:
                self._give_up(source, str(reason))
            else:
                return Counted(found, source.name)
        return None

    def _give_up(self, source: Source, reason: str) -> None:
        # Another call may have found the same while this one was under way.
        if source in self.sources:
            self.sources = tuple(one for one in self.sources if one is not source)
            if reason:
                self.note(reason)


async def _counted(source: Source, texts: Sequence[str], at_a_time: int) -> tuple[int, ...]:
    """Return the tokens of each text; no more than so many parts are under way, whatever their number."""
    counts = [0] * len(texts)
    work = ((number, part) for number, text in enumerate(texts) for part in _parts(text))
    failed: list[Unable] = []

    async def take() -> None:
        for number, part in work:
            try:
                size = _sensible(await source.count(part), part, source)
            except Unable as reason:
                failed.append(reason)
                group.cancel_scope.cancel()
            else:
                # Not before the wait: parts of one text are under way together.
                counts[number] += size

    async with anyio.create_task_group() as group:
        for _ in range(at_a_time):
            group.start_soon(take)
    if failed:
        raise failed[0]
    return tuple(counts)


def _parts(text: str) -> Iterator[str]:
    """Yield a text in parts, cut at the ends of lines where there are any."""
    start = 0
    while start < len(text):
        end = start + _PART
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or end
        yield text[start:end]
        start = end


def _sensible(count: int, text: str, source: Source) -> int:
    """Return a count that may be true.

    Raises:
        Unable: a text can't have so many or so few.
    """
    size = len(text.encode("utf-8", "replace"))
    least = 1 if size > _SILENT and not text.isspace() else 0
    if not least <= count <= size + _SLACK:
        raise Unable(f"{source.name} counts {count} tokens in {size} bytes, which can't be")
    return count
