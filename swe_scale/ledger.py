"""Books every call of every stage, and lets none begin whose bound doesn't fit the budget."""

import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from swe_scale.config import Budget, Price
from swe_scale.errors import BudgetExceeded, Interrupted
from swe_scale.events import Events
from swe_scale.records import Completion, Message, Request, Usage, digest
from swe_scale.retry import retrying
from swe_scale.store import Key, Steps

_OVERHEAD = 16
"""Tokens that a chat template adds to one message, at most, in the templates that we know of."""
PICTURE_TOKENS = 20_000
"""Tokens that an image takes at most, in the models that we know of."""


def text_bound(messages: tuple[Message, ...] | list[Message]) -> int:
    """Return an upper bound of the tokens of messages: no tokenizer makes more tokens than bytes."""
    texts = sum(len(message.content.encode("utf-8", "surrogatepass")) + _OVERHEAD for message in messages)
    return texts + PICTURE_TOKENS * sum(len(message.pictures) for message in messages)


def money(usage: Usage, price: Price | None) -> float:
    """Return US dollars; 0 where the model has no price."""
    if price is None:
        return 0.0
    cached = price.prompt if price.cached is None else price.cached
    written = price.prompt if price.written is None else price.written
    fresh = usage.prompt_tokens - usage.cached_tokens - usage.written_tokens
    prompt = fresh * price.prompt + usage.cached_tokens * cached + usage.written_tokens * written
    return (prompt + usage.completion_tokens * price.completion) / 1e6


@dataclass(slots=True)
class Bill:
    """What a call under way is known to cost; its bound until something is known."""

    usage: Usage


@dataclass(slots=True)
class Ledger:
    """What one issue of a run has spent and has reserved."""

    steps: Steps
    budget: Budget
    prices: Mapping[str, Price]
    events: Events
    issue: str
    """Id of the issue; its steps' paths begin with it. A budget is for one issue."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Of the budget, what the calls of a stage may take at most; of a stage that isn't here, all."""
    until: float = math.inf
    """When no more calls begin, on the event loop's clock."""
    spent: Usage = field(default_factory=Usage)
    by_stage: dict[str, Usage] = field(default_factory=dict)
    """The same by stage, named by the part of a step's path that follows the issue: `trajectory`, …"""
    _reserved: dict[int, tuple[str, Usage]] = field(default_factory=dict)
    """With the stages."""
    _number: int = 0
    _freed: anyio.Event = field(default_factory=anyio.Event)

    def __post_init__(self) -> None:
        """Take over what earlier processes spent on the issue; an unsettled row counts at its bound."""
        for entry in self.steps.store.entries(self.issue):
            self._book(entry.path, entry.usage)

    async def ask(self, request: Request, call: Callable[[], Awaitable[Completion]]) -> Completion:
        """Return the reply to a question that belongs to no conversation; see `complete`."""
        schema = json.dumps(request.reply_schema)
        texts = (one.content for one in request.messages)
        shown = (picture.data for one in request.messages for picture in one.pictures)
        inputs = digest(request.model, request.sampling.model_dump_json(), schema, *texts, *shown)
        bound = text_bound(request.messages) + len(schema)
        return await self.complete(Key(request.step, inputs), request, bound, call)

    async def complete(
        self, key: Key, request: Request, prompt_bound: int, call: Callable[[], Awaitable[Completion]]
    ) -> Completion:
        """Return the reply of one call, recorded or made now, its cost on the books.

        A try that may have been charged stays there at its bound, and the next needs another.

        Raises:
            BudgetExceeded: a try's bound doesn't fit what is left; it was not sent.
        """
        recorded = self.steps.recorded(key, Completion)
        if recorded is not None:
            return recorded
        bound = self.bound(request.model, prompt_bound, request.sampling.max_tokens)

        async def priced() -> Completion:
            reply = await call()
            return reply.model_copy(update={"usage": self.priced(request.model, reply.usage)})

        try:
            return await self._try(key, bound, priced)
        except Interrupted as error:
            broken: list[Interrupted] = [error]

        async def again() -> Completion:
            # The first try's failure is the policy's to judge; a call that goes well doesn't pay for it.
            if broken:
                raise broken.pop()
            return await self._try(key, bound, priced)

        return await retrying(0, Interrupted)(again)

    @asynccontextmanager
    async def paying(self, path: str, bound: Usage) -> AsyncIterator[Bill]:
        """Reserve the bound of a call that isn't a step, and book what its bill says when the context ends.

        Raises (on entry):
            BudgetExceeded: the bound doesn't fit what is left.
            StoreError: it can't be written.
        """
        stage = self._stage(path)
        await self._admit(stage, bound)
        self._number += 1
        number = self._number
        self._reserved[number] = stage, bound
        bill = Bill(Usage())
        try:
            entry = await self.steps.store.reserve(path, bound)
            bill.usage = bound
            try:
                yield bill
            finally:
                with anyio.CancelScope(shield=True):
                    await self.steps.store.settle(entry, bill.usage)
        finally:
            self._settled(number, path, bill.usage)

    def priced(self, model: str, usage: Usage) -> Usage:
        """Return the usage of one call with its money."""
        return usage.model_copy(update={"usd": money(usage, self.prices.get(model)), "calls": 1})

    def bound(self, model: str, prompt: int, completion: int) -> Usage:
        """Return the most that a call can cost, given the most of its tokens."""
        price = self.prices.get(model)
        bound = Usage(calls=1, prompt_tokens=prompt, completion_tokens=completion)
        # Whether the prompt is new, in the cache or on its way there isn't known before.
        cached = bound.model_copy(update={"cached_tokens": prompt})
        written = bound.model_copy(update={"written_tokens": prompt})
        return bound.model_copy(update={"usd": max(money(one, price) for one in (bound, cached, written))})

    async def _try(self, key: Key, bound: Usage, call: Callable[[], Awaitable[Completion]]) -> Completion:
        """Make the call once, if its bound fits, and book what it cost."""
        stage = self._stage(key.path)
        await self._admit(stage, bound)
        cost = Usage()

        async def make() -> Completion:
            nonlocal cost
            cost = bound
            return await call()

        self._number += 1
        number = self._number
        self._reserved[number] = stage, bound
        try:
            reply = await self.steps.once(key, Completion, make, bound=bound, cost=lambda made: made.usage)
            # Of a call that another task makes at this moment, that one keeps the books.
            cost = reply.usage if cost is bound else cost
            return reply
        except Exception as error:
            cost = cost if getattr(error, "charged", True) else Usage()
            raise
        finally:
            self._settled(number, key.path, cost)

    def _settled(self, number: int, path: str, cost: Usage) -> None:
        del self._reserved[number]
        self._book(path, cost)
        self._freed.set()
        self._freed = anyio.Event()
        self.events.emit("usage", "", path, self.spent)

    async def _admit(self, stage: str, bound: Usage) -> None:
        """Wait while only the bounds of calls in flight stand in the way; they cost less than that."""
        if anyio.current_time() >= self.until:
            raise BudgetExceeded("the deadline is over: no more calls are made")
        while True:
            try:
                self._check(stage, bound)
                return
            except BudgetExceeded:
                if not self._reserved:
                    raise
            await self._freed.wait()

    def _check(self, stage: str, bound: Usage) -> None:
        if self.budget.tokens is None and self.budget.usd is None:
            # Hundreds of calls may be under way: what nothing bounds isn't summed for each of them.
            return
        held = sum((one for _, one in self._reserved.values()), self.spent)
        self._check_part(1.0, "", held, bound)
        if (share := self.shares.get(stage, 1.0)) < 1:
            own = (one for name, one in self._reserved.values() if name == stage)
            self._check_part(share, f" for {stage}", sum(own, self.by_stage.get(stage, Usage())), bound)

    def _check_part(self, share: float, named: str, held: Usage, bound: Usage) -> None:
        """Refuse a bound that doesn't fit a part of the budget, of which so much is spent or reserved."""
        if self.budget.tokens is not None:
            tokens = int(share * self.budget.tokens)
            if held.tokens + bound.tokens > tokens:
                raise BudgetExceeded(
                    f"the next call may need {bound.tokens:,} tokens; of {tokens:,}{named} "
                    f"{max(0, tokens - held.tokens):,} are left"
                )
        if self.budget.usd is not None:
            usd = share * self.budget.usd
            if held.usd + bound.usd > usd:
                raise BudgetExceeded(
                    f"the next call may cost {bound.usd:.4f} USD; of {usd:.2f}{named} "
                    f"{max(0.0, usd - held.usd):.4f} are left"
                )

    def _stage(self, path: str) -> str:
        return path.removeprefix(f"{self.issue}/").partition("/")[0]

    def _book(self, path: str, usage: Usage) -> None:
        stage = self._stage(path)
        self.spent = self.spent + usage
        self.by_stage[stage] = self.by_stage.get(stage, Usage()) + usage
