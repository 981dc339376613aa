"""Lays out the conversations of an issue by stage and round, and what each model is asked in them. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.beside import depicting, mending, testing, triage, wording
from swe_scale.analysis.conversations import (
    planned,
    planning,
    selection,
    shares,
    start_of,
    trajectory,
)
from swe_scale.analysis.endpoints import Served
from swe_scale.analysis.ranges import Level, Range, Spending
from swe_scale.analysis.sizes import Sizes
from swe_scale.analysis.talk import Talk
from swe_scale.config import RunConfig, Stage
from swe_scale.ledger import money
from swe_scale.records import Record, Usage
from swe_scale.trajectory import LATE
from swe_scale.triage import OPINIONS


def priced_bound(usage: Usage, served: Served) -> Usage:
    """Return a bound with its money: whether a prompt is new, cached or on its way to a cache isn't known."""
    cached = usage.model_copy(update={"cached_tokens": usage.prompt_tokens})
    written = usage.model_copy(update={"written_tokens": usage.prompt_tokens})
    usd = max(money(one, served.price) for one in (usage, cached, written))
    return usage.model_copy(update={"usd": usd})


class Share(Record):
    """What one model is asked in one stage."""

    stage: Stage
    served: Served
    spending: Spending

    def usd(self, level: Level) -> float:
        """Return US dollars; 0 where the model has no price."""
        return money(self.spending.at(level), self.served.price)

    def bound(self) -> Usage:
        """Return the spending at the bounds of all calls, as a budget counts it."""
        return priced_bound(self.spending.bound, self.served)


class Staged(NamedTuple):
    """Conversations of one kind, and when they take place."""

    stage: Stage
    talk: Talk
    number: int
    late: bool = False
    """Whether they wait for other trajectories."""


def staged_of(
    sizes: Sizes, config: RunConfig, served: Mapping[str, tuple[Served, ...]], assumed: Assumptions
) -> list[Staged]:
    """Return the conversations that there may be, in the order in which they begin."""
    found: list[Staged] = []
    if sizes.images and "images" in served:
        found.append(Staged("images", depicting(served["images"][0], sizes, config, assumed), sizes.images))
    if config.triage:
        asked = served.get("triage") or served["trajectory"][:1]
        for number in range(OPINIONS):
            talk = triage(asked[number % len(asked)], sizes, config, assumed, number == 0)
            found.append(Staged("triage", talk, 1))
    if sizes.setup and config.repair_rounds:
        mender = (served.get("environment") or served["trajectory"])[0]
        found.append(Staged("environment", mending(mender, config, assumed), 1))
    if planned(config):
        planner = (served.get("plan") or served["trajectory"])[0]
        found.append(Staged("plan", planning(planner, sizes, config, assumed), 1))
    for (strategy, one), count in shares(config, served).items():
        talk = trajectory(strategy, one, sizes, config, assumed)
        found.append(Staged("trajectory", talk, count, start_of(strategy, config) in LATE))
    judges = (selection(one, sizes, config, assumed) for one in served["selection"])
    found += (Staged("selection", talk, config.judges) for talk in judges)
    if config.test_rounds:
        author = (served.get("test") or served["trajectory"])[0]
        found.append(Staged("test", testing(author, sizes, config, assumed), 1))
    if config.words:
        teller = (served.get("words") or served["trajectory"])[0]
        found.append(Staged("words", wording(teller, sizes, config, assumed), 1))
    return found


def shares_of(staged: Sequence[Staged], assumed: Assumptions) -> tuple[Share, ...]:
    """Return the shares of the models; the first conversation with each finds nothing in its cache."""
    seen: set[Served] = set()
    found: list[Share] = []
    for one in staged:
        spending = one.talk.spending(one.number, one.talk.served in seen, assumed)
        found.append(Share(stage=one.stage, served=one.talk.served, spending=spending))
        seen.add(one.talk.served)
    return tuple(found)


def serial_seconds(staged: Sequence[Staged], assumed: Assumptions) -> Range:
    """Return the seconds of the longest conversations, round by round, and of the judges', one by one."""

    def seconds(talk: Talk, level: Level) -> float:
        tokens = talk.turns.at(level) * talk.reply.at(level)
        return 0.0 if talk.served.scripted else tokens / assumed.stream_tokens_per_second.at(level)

    def longest(level: Level, stage: Stage, late: bool = False) -> float:
        several = (seconds(one.talk, level) for one in staged if (one.stage, one.late) == (stage, late))
        return max(several, default=0.0)

    def one_by_one(level: Level, stage: Stage) -> float:
        return sum(seconds(one.talk, level) * one.number for one in staged if one.stage == stage)

    return Range.of(
        lambda level: (
            one_by_one(level, "images")
            + one_by_one(level, "triage")
            + longest(level, "environment")
            + longest(level, "plan")
            + longest(level, "trajectory")
            + longest(level, "trajectory", True)
            + one_by_one(level, "selection")
            + longest(level, "test")
            + longest(level, "words")
        )
    )


def gpu_seconds(spent: Sequence[Share], assumed: Assumptions) -> Range | None:
    """Return the seconds that endpoints of one's own are busy; None where there is none."""
    own = [one for one in spent if one.served.own]
    if not own:
        return None

    def seconds(share: Share, level: Level) -> float:
        usage = share.spending.at(level)
        fresh = usage.prompt_tokens - usage.cached_tokens
        return fresh / assumed.prefill_rate.at(level) + usage.completion_tokens / assumed.rate.at(level)

    return Range.of(lambda level: sum(seconds(one, level) for one in own))
