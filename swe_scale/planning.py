"""Makes plans that differ by construction: observations, combined by ones and twos, each of them a plan.

After PlanSearch (arXiv 2409.03733), with one call for the observations and one for up to eight plans.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import ceil

import anyio

from swe_scale.errors import BudgetExceeded, EndpointRefused, ModelError
from swe_scale.patch import overlap
from swe_scale.prompts import render
from swe_scale.records import Message, Record, Sampling, digest
from swe_scale.store import Key
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trajectory.conversation import Conversation
from swe_scale.trajectory.shortened import shortened

OBSERVATIONS = 8
"""How many are asked for, and used."""
PER_REPLY = 8
"""Plans that one reply is asked for."""
TRIES = 2
"""Replies that the observations, and each group of plans, may take."""
PLAN_BYTES = 3000
_OBSERVATION_BYTES = 800
_LIST = re.compile(r"<observations>[ \t]*\n(.*?)(?:^</observations>|\Z)", re.DOTALL | re.MULTILINE)
_ITEM = re.compile(r"^[ \t]*(\d{1,2})[.)][ \t]+(.*?)(?=^[ \t]*\d{1,2}[.)][ \t]|\Z)", re.DOTALL | re.MULTILINE)
_PLAN = re.compile(
    r'^<plan number="(\d{1,3})">[ \t]*\n(.*?)(?=^</plan>|^<plan number|\Z)', re.DOTALL | re.MULTILINE
)
_WORD = re.compile(r"\w+")
_SURROGATE = re.compile("[\ud800-\udfff]")

Combination = tuple[int, ...]
"""Numbers of one or two observations, from 0."""


class Plans(Record):
    """What came of planning: fewer plans than were asked for where replies didn't keep the format."""

    texts: tuple[str, ...]


def most_replies(plans: int) -> int:
    """Return how many replies so many plans take at most."""
    return TRIES * (1 + ceil(plans / PER_REPLY)) if plans else 0


@dataclass(slots=True)
class Planner:
    """Gives each planned trajectory of an issue a plan of its own, made when the first of them asks."""

    setting: Setting
    """With the model that plans."""
    sampling: Sampling
    assigned: Sequence[Assignment]
    """The trajectories that begin with a plan."""
    _lock: anyio.Lock = field(default_factory=anyio.Lock)
    _made: tuple[str, ...] | None = None

    @property
    def key(self) -> Key:
        """Where the plans are kept, under all that they depend on."""
        setting = self.setting
        inputs = (
            *(one.content for one in self._opening),
            setting.model.name,
            self.sampling.model_dump_json(),
        )
        return Key(f"{setting.issue.id}/plan", digest(*inputs, str(len(self.assigned))))

    @property
    def _opening(self) -> tuple[Message, ...]:
        return self.setting.opening(render("plan", most=OBSERVATIONS))

    async def plan_for(self, assignment: Assignment) -> str:
        """Return the plan of a trajectory; empty where there is none for it, so that it begins without.

        Raises:
            EndpointRefused: the endpoint answers nothing at all.
            StoreError: the record can't be written.
        """
        async with self._lock:
            if self._made is None:
                self._made = await self._plans()
        place = [one.index for one in self.assigned].index(assignment.index)
        return self._made[place] if place < len(self._made) else ""

    async def _plans(self) -> tuple[str, ...]:
        setting, key = self.setting, self.key
        found = setting.cells.steps.recorded(key, Plans)
        if found is None:
            talk = _Talk(setting, Conversation(key.path, setting.model, setting.ledger, self.sampling))
            with anyio.CancelScope(deadline=setting.deadline):
                await talk.plan(self._opening, len(self.assigned))
            made = Plans(texts=distinct(talk.plans))

            async def keep() -> Plans:
                return made

            found = await setting.cells.steps.once(key, Plans, keep) if talk.whole else made
        self._say(found, key.path)
        return found.texts

    def _say(self, found: Plans, path: str) -> None:
        count, wanted = len(found.texts), len(self.assigned)
        lacking = "" if count == wanted else f"; {wanted - count} of {wanted} trajectories begin without one"
        self.setting.events.emit("note", f"{count} plan{'' if count == 1 else 's'} made{lacking}", path)


@dataclass(slots=True)
class _Talk:
    """The conversation in which plans are made."""

    setting: Setting
    conversation: Conversation
    plans: list[str] = field(default_factory=list)
    whole: bool = False
    """Whether it came to its end; one that lacked time, budget or endpoint can be had again."""
    _replies: int = 0

    async def plan(self, opening: tuple[Message, ...], count: int) -> None:
        """Make up to so many plans; a plan that can't be had is left out."""
        try:
            observations = await self._observations(opening)
            groups = combined(observations, count)
            for first in range(0, len(groups), PER_REPLY):
                await self._group(groups[first : first + PER_REPLY], first)
            self.whole = True
        except EndpointRefused:
            raise
        except (ModelError, BudgetExceeded) as error:
            text = f"planning ended early: {' '.join(str(error).split())}"
            self.setting.events.emit("note", text, self.conversation.path)

    async def _observations(self, asked: tuple[Message, ...]) -> list[str]:
        for _ in range(TRIES):
            found = observations_in(await self._ask(asked))
            if found:
                return found
            fault = "expected a numbered list between the lines <observations> and </observations>"
            asked = self._answer(render("malformed", fault=fault, left=1))
        return []

    async def _group(self, group: Sequence[Combination], first: int) -> None:
        wanted = dict(enumerate(group, start=first + 1))
        fault = ""
        for _ in range(TRIES):
            asked = self._answer(render("plan_combined", wanted=_named(wanted), fault=fault).strip())
            found = plans_in(await self._ask(asked))
            self.plans += [found[number] for number in wanted if number in found]
            wanted = {number: one for number, one in wanted.items() if number not in found}
            if not wanted:
                return
            fault = "These plans are missing, or not written as they were asked for."

    async def _ask(self, asked: tuple[Message, ...]) -> str:
        self._replies += 1
        reply = await self.conversation.ask(self._replies, asked)
        self.setting.events.emit("turn", "plan", f"{self.conversation.path}/turn/{self._replies:02}")
        return reply.text

    def _answer(self, text: str) -> tuple[Message, ...]:
        return self.conversation.answer(text)


def _named(wanted: dict[int, Combination]) -> list[dict[str, object]]:
    return [
        {"number": number, "observations": " and ".join(str(one + 1) for one in combination)}
        for number, combination in wanted.items()
    ]


def observations_in(reply: str) -> list[str]:
    """Return the observations of a reply, each once and of bounded length; none where it holds no list."""
    found = _LIST.search(_plain(reply))
    items = (_ITEM.findall(found[1]) if found else [])[: 4 * OBSERVATIONS]
    texts = (shortened(" ".join(text.split()), _OBSERVATION_BYTES) for _, text in items)
    return list(dict.fromkeys(filter(None, texts)))[:OBSERVATIONS]


def plans_in(reply: str) -> dict[int, str]:
    """Return the plans of a reply by their numbers, each of bounded length; of several, the first counts."""
    found: dict[int, str] = {}
    for number, text in _PLAN.findall(_plain(reply)):
        if text.strip():
            found.setdefault(int(number), shortened(text.strip(), PLAN_BYTES))
    return found


def _plain(reply: str) -> str:
    return _SURROGATE.sub("\ufffd", reply.replace("\r\n", "\n"))


def combined(observations: Sequence[str], count: int) -> list[Combination]:
    """Return up to `count` combinations of one or two observations, chosen to have little in common.

    The first is of the first two. Each further one shares as few observations as can be with the nearest one
    chosen before; of several, it has those used least, is of two rather than one, and has words of its own.
    """
    numbers = range(len(observations))
    left = [*combinations(numbers, 2), *((number,) for number in numbers)]
    words = [Counter(set(_words(text))) for text in observations]
    used: Counter[int] = Counter()
    chosen: list[Combination] = []

    def burden(one: Combination) -> tuple[float, float, int, float, int]:
        own = words[one[0]] | words[one[-1]]
        return (
            max((_shared(one, other) for other in chosen), default=0.0),
            sum(used[number] for number in one) / len(one),
            -len(one),
            max((overlap(own, words[other[0]] | words[other[-1]]) for other in chosen), default=0.0),
            left.index(one),
        )

    while left and len(chosen) < count:
        best = min(left, key=burden)
        chosen.append(best)
        left.remove(best)
        used.update(best)
    return chosen


def _shared(one: Combination, other: Combination) -> float:
    return len({*one} & {*other}) / len({*one, *other})


def distinct(plans: Iterable[str]) -> tuple[str, ...]:
    """Return the plans without those that say in the same words what an earlier one says."""
    found: dict[tuple[str, ...], str] = {}
    for plan in plans:
        found.setdefault(tuple(_words(plan)), plan)
    return tuple(found.values())


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
