"""Asks, before anything else is spent on an issue, whether it says enough to be worth it.

After "Abstain and validate" (arXiv 2510.03217), which turns vague issues away before they cost anything. Here
one cheap call asks, and only a second one that says the same ends the work: a needless stop is dearer than a
needless attempt, and the issue is written by strangers.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import anyio

from swe_scale.context.replies import one_line
from swe_scale.errors import BudgetExceeded, ModelError
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.prompts import render
from swe_scale.records import Message, Record, Request, Sampling, digest
from swe_scale.store import Key

OPINIONS = 2
"""How many must say alike that an issue isn't worth it."""
Word = Literal["proceed", "unclear", "no change"]
_WORDS: tuple[Word, ...] = get_args(Word)
_MEANINGS: Mapping[Word, str] = {
    "proceed": "it asks for a change of this repository, and somebody who reads the code can find out what "
    "is to behave differently afterwards.",
    "unclear": "even with the code at hand nobody can tell what is to behave differently: it names nothing "
    "that is wrong or wanted, or it fits several changes equally well that exclude each other.",
    "no change": "no change of the code could resolve it: a question about use, a request for documentation "
    "only, something that is there already, an announcement, an advertisement.",
}
_ALL_THE_SAME = "(--no-triage begins all the same)"
_QUESTIONS = 5
_QUESTION, _REASON = 300, 400
"""Characters that are kept."""
_LONGEST = 20_000
"""Characters of a reply that are looked at."""
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "verdict": {"type": "string", "enum": list(_WORDS)},
        "missing": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["reason", "verdict", "missing"],
    "additionalProperties": False,
}


class Opinion(Record):
    """What one reply says of an issue."""

    verdict: Word
    reason: str
    missing: tuple[str, ...] = ()
    """Of `unclear`: questions to its author, one at least."""


class Triaged(Record):
    """What is thought of an issue before it is begun."""

    opinions: tuple[Opinion, ...] = ()
    lacking: str = ""
    """Why an opinion could not be had; empty where all that were asked for are there."""

    @property
    def reasoning(self) -> str:
        """What was said, and what follows from it, for the record."""
        said = "; then ".join(f"{one.verdict}: {one.reason}" for one in self.opinions)
        if self.refusal:
            return f"{said}: {OPINIONS} of {OPINIONS} agree"
        if self.lacking:
            return "; ".join(filter(None, (said, f"no verdict ({self.lacking}), so it is begun")))
        return said if len(self.opinions) < OPINIONS else f"{said}: they differ, so it is begun"

    @property
    def refusal(self) -> str:
        """Why the issue isn't begun, and what is missing; empty where it is."""
        words = {one.verdict for one in self.opinions}
        if len(self.opinions) < OPINIONS or len(words) > 1 or words == {"proceed"}:
            return ""
        first = self.opinions[0]
        if first.verdict == "no change":
            what = f"the issue asks for nothing that a change of the code could bring: {first.reason}"
            return f"{what} {_ALL_THE_SAME}"
        asked = " ".join(f"({number}) {one}" for number, one in enumerate(first.missing, start=1))
        return f"the issue doesn't say enough to begin. To be answered by its author: {asked} {_ALL_THE_SAME}"


@dataclass(frozen=True, slots=True)
class Triage:
    """What is asked of whom."""

    issue: str
    """Id of the issue."""
    opening: Callable[[str], tuple[Message, ...]]
    """Returns the first messages of a conversation on it, which end with these instructions."""
    judges: Sequence[tuple[Model, Sampling]]
    """Who gives the first opinion, and who the second; they differ in the seed at least."""
    ledger: Ledger
    until: float = math.inf
    """When it is begun without an opinion, on the event loop's clock."""

    async def run(self) -> Triaged:
        """Return what is thought of the issue; what fails, or doesn't keep the form, stops nothing.

        Raises:
            StoreError: the record can't be written.
        """
        asked = [self._asked(number) for number in range(len(self.judges))]
        texts = (one.content for messages in asked for one in messages)
        judges = (f"{model.name} {drawn.model_dump_json()}" for model, drawn in self.judges)
        key = Key(f"{self.issue}/triage", digest(*texts, *judges))
        return await self.ledger.steps.once(key, Triaged, self._triaged)

    async def _triaged(self) -> Triaged:
        found: list[Opinion] = []
        for number in range(OPINIONS):
            opinion: Opinion | str = "the time for it is over"
            with anyio.CancelScope(deadline=self.until):
                opinion = await self._opinion(number)
            if isinstance(opinion, str):
                return Triaged(opinions=tuple(found), lacking=opinion)
            found.append(opinion)
            if opinion.verdict == "proceed":
                break
        return Triaged(opinions=tuple(found))

    def _asked(self, number: int) -> tuple[Message, ...]:
        return self.opening(instructions(number))

    async def _opinion(self, number: int) -> Opinion | str:
        """Return one opinion, or why there is none."""
        model, drawn = self.judges[number]
        request = Request(
            step=f"{self.issue}/triage/{number + 1:02}",
            model=model.name,
            messages=self._asked(number),
            sampling=drawn,
            reply_schema=_SCHEMA,
        )
        try:
            reply = await self.ledger.ask(request, lambda: model.complete(request))
        except (ModelError, BudgetExceeded) as error:
            return one_line(str(error), _REASON)
        return opinion_of(reply.text) or "the reply doesn't keep the form"


def instructions(number: int) -> str:
    """Return what is asked for an opinion, from 0; the verdicts stand in another order in the second."""
    verdicts = _WORDS[::-1] if number % 2 else _WORDS
    return render("triage", verdicts=verdicts, meanings=_MEANINGS, most=_QUESTIONS)


def opinion_of(reply: str) -> Opinion | None:
    """Return what a reply says; None where it isn't one object of the form, alone but for words around it."""
    text = reply[:_LONGEST]
    try:
        found = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.keys() != {"reason", "verdict", "missing"}:
        return None
    reason, missing = one_line(found["reason"], _REASON), found["missing"]
    if found["verdict"] not in _WORDS or not reason or not isinstance(missing, list):
        return None
    asked = tuple(filter(None, (one_line(one, _QUESTION) for one in missing[:_QUESTIONS])))
    if found["verdict"] != "unclear":
        return Opinion(verdict=found["verdict"], reason=reason)
    return Opinion(verdict="unclear", reason=reason, missing=asked) if asked else None
