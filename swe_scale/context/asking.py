"""Asks a model many small questions side by side, each a durable, paid step."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from swe_scale.errors import BudgetExceeded, ContextExceeded, EndpointRefused, ModelError, unwrapped
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.prompts import render
from swe_scale.records import Message, Request, Sampling

_AT_A_TIME = 64
"""Questions of one issue that are under way; the model's own limits come on top."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question; its address is unique within the issue."""

    address: str
    """For instance `reader/file/1f3a…/1`; questions about one thing differ in the last part."""
    text: str
    schema: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.address.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Addressee:
    """What must be known of a model to write questions that it can take."""

    name: str
    room: int
    """Tokens of the longest prompt that leaves room for a reply."""


@dataclass(slots=True)
class Asker:
    """One model, and the books in which its calls are kept."""

    issue: str
    """Its id."""
    model: Model
    ledger: Ledger
    sampling: Sampling
    events: Events
    until: float = math.inf
    """When no more is asked, on the event loop's clock."""
    ended: str = ""
    """Why no more is asked; empty while it is."""
    _slots: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_AT_A_TIME))

    @property
    def addressee(self) -> Addressee:
        """What questions must fit."""
        return Addressee(self.model.name, self.model.context_length - self.sampling.max_tokens)

    async def ask_all(self, questions: Sequence[Question], what: str) -> dict[str, str]:
        """Return the replies by address; absent are those that could not be had.

        Args:
            questions: the most important first: a budget may end before the others.
            what: names what they are about, for the progress that is reported.

        Raises:
            EndpointRefused: the endpoint answers nothing at all.
            StoreError: the record can't be written.
        """
        found: dict[str, str] = {}
        left = Counter(question.subject for question in questions)
        total = len(left)

        async def one(question: Question) -> None:
            async with self._slots:
                reply = None if self.ended else await self._ask(question)
            if reply is not None:
                found[question.address] = reply
            left[question.subject] -= 1
            if not left[question.subject]:
                del left[question.subject]
                self.events.emit("progress", f"{total - len(left):,} of {total:,} {what}", self._path)

        with unwrapped(), anyio.CancelScope(deadline=self.until) as scope:
            async with anyio.create_task_group() as group:
                for question in questions:
                    group.start_soon(one, question)
        if scope.cancelled_caught:
            self._end("its part of the minutes is over")
        return found

    async def _ask(self, question: Question) -> str | None:
        messages = (Message(role="system", content=system()), Message(role="user", content=question.text))
        request = Request(
            step=f"{self.issue}/{question.address}",
            model=self.model.name,
            messages=messages,
            sampling=self.sampling,
            reply_schema=question.schema,
        )
        try:
            reply = await self.ledger.ask(request, lambda: self.model.complete(request))
        except EndpointRefused:
            raise
        except ContextExceeded:
            return None
        except (ModelError, BudgetExceeded) as error:
            self._end(str(error))
            return None
        return reply.text

    def _end(self, why: str) -> None:
        if not self.ended:
            self.ended = " ".join(why.split()) or "the model failed"
            self.events.emit("note", f"reading ended early: {self.ended}", self._path)

    @property
    def _path(self) -> str:
        return f"{self.issue}/reader"


def system() -> str:
    """Return what every conversation begins with."""
    return render("reader")
