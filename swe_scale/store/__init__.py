"""Durable steps: every expensive effect is made once, and found again after a crash."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TypeVar, cast

import anyio
from pydantic import TypeAdapter, ValidationError

from swe_scale.errors import ModelError, StoreError
from swe_scale.records import Usage

__all__ = ["Entry", "Key", "Readable", "Steps", "Store", "dumped", "recorded"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Key:
    """Address of a step, and the digest of what its result depends on."""

    path: str
    """For instance `pkg-12/trajectory/03/turn/05`; unique within the run."""
    digest: str
    """Same path with another digest is computed again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger: the bound reserved for a call or, once it is settled, its true cost."""

    path: str
    usage: Usage
    settled: bool


class Readable(Protocol):
    """What has been kept."""

    def get(self, key: Key) -> Any | None:
        """Return the JSON value of a step; None where there is none for this digest."""
        ...

    def entries(self, issue: str | None = None) -> tuple[Entry, ...]:
        """Return the rows of the ledger, of one issue or all, in order."""
        ...


class Store(Readable, Protocol):
    """Where results and the ledger are kept. Every method returns after the write is committed."""

    async def put(self, key: Key, value: Any, entry: int | None = None, usage: Usage | None = None) -> None:
        """Record a step's JSON value and, in the same transaction, settle its ledger row."""
        ...

    async def reserve(self, path: str, bound: Usage) -> int:
        """Write a ledger row with the most that a call can cost; return its number."""
        ...

    async def settle(self, entry: int, usage: Usage) -> None:
        """Replace a row's bound by what the call cost."""
        ...


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def dumped(value: T, kind: type[T]) -> Any:
    """Return a result as it is recorded: what has its default is left out."""
    return _adapter(cast(Hashable, kind)).dump_python(value, mode="json", exclude_defaults=True)


def recorded(store: Readable, key: Key, kind: type[T]) -> T | None:
    """Return a step's result if it is there.

    Raises:
        StoreError: the record is damaged or of another version.
    """
    value = store.get(key)
    try:
        return None if value is None else _adapter(cast(Hashable, kind)).validate_python(value)
    except ValidationError as error:
        raise StoreError(
            f"what is recorded of {key.path} is damaged or of another version: choose another --name."
        ) from error


@dataclass(slots=True)
class Steps:
    """`once` on top of a store."""

    store: Store
    _running: dict[Key, anyio.Event] = field(default_factory=dict)

    def recorded(self, key: Key, kind: type[T]) -> T | None:
        """Return a step's result if it is there.

        Raises:
            StoreError: the record is damaged or of another version.
        """
        return recorded(self.store, key, kind)

    async def once(
        self,
        key: Key,
        kind: type[T],
        make: Callable[[], Awaitable[T]],
        *,
        bound: Usage | None = None,
        cost: Callable[[T], Usage] | None = None,
    ) -> T:
        """Return a step's result: recorded, being made by another task, or made now.

        Args:
            key: the step.
            kind: type of the result, anything that pydantic can validate.
            make: computes it; its error is passed on and nothing is recorded.
            bound: the most it can cost; reserved before, settled after.
            cost: reads from the result what it did cost.

        Raises:
            StoreError: the result can't be recorded.
        """
        while (running := self._running.get(key)) is not None:
            await running.wait()
        found = self.recorded(key, kind)
        if found is not None:
            return found
        done = self._running[key] = anyio.Event()
        try:
            return await self._make(key, kind, make, bound, cost)
        finally:
            del self._running[key]
            done.set()

    async def _make(
        self,
        key: Key,
        kind: type[T],
        make: Callable[[], Awaitable[T]],
        bound: Usage | None,
        cost: Callable[[T], Usage] | None,
    ) -> T:
        entry = None if bound is None else await self.store.reserve(key.path, bound)
        try:
            value = await make()
        except BaseException as error:
            if entry is not None and bound is not None:
                free = isinstance(error, ModelError) and not error.charged
                with anyio.CancelScope(shield=True):
                    await self.store.settle(entry, Usage() if free else bound)
            raise
        with anyio.CancelScope(shield=True):
            usage = cost(value) if cost else None
            await self.store.put(key, dumped(value, kind), entry, usage)
        return value
