"""Counts what would run in sandboxes: checks on trees, agents' commands, the repository's tests."""

from math import ceil

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.conversations import CHECKS_PER_REPLY, selection_turns, turns_of
from swe_scale.analysis.ranges import NOTHING, Range
from swe_scale.analysis.sizes import Sizes
from swe_scale.config import RunConfig
from swe_scale.crosscheck import REPEATS_ON_BASE
from swe_scale.ranking.rule import FINALISTS
from swe_scale.records import Record

_RUNS_BEFORE = 3
"""Runs of the repository's tests on the untouched code, at most, and on a candidate, below."""
_RUNS_AFTER = 2


class Executions(Record):
    """How often something runs in a fresh sandbox, or in an agent's."""

    checks: Range = NOTHING
    """On the untouched code and on candidates, with the control experiments."""
    commands: Range = NOTHING
    """Of agents."""
    tests: Range = NOTHING
    """Runs of the repository's tests near the change."""

    @property
    def all(self) -> Range:
        """All of them together."""
        return self.checks + self.commands + self.tests

    def __add__(self, other: "Executions") -> "Executions":
        """Return the sum, kind by kind."""
        return Executions(
            checks=self.checks + other.checks,
            commands=self.commands + other.commands,
            tests=self.tests + other.tests,
        )


def executions(sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Executions:
    """Return how much would run.

    Low: no reply holds a check. High: each with a change and a check of
    its own, another one in every reply; each check fails on the untouched code and passes on every candidate,
    and all of the selection's replies are full of checks. What the infrastructure makes run again is not
    counted.
    """
    return Executions(
        checks=_checks(config, assumed),
        commands=_commands(config, assumed),
        tests=_tests(sizes, config, assumed),
    )


def _counts(config: RunConfig) -> tuple[int, int]:
    """Return the trajectories, and those of them that run their checks on the way."""
    return sum(config.strategies.values()), config.strategies.get("revise", 0)


def _candidates(config: RunConfig, assumed: Assumptions) -> int:
    return ceil(_counts(config)[0] * assumed.distinct_candidates)


def _checks(config: RunConfig, assumed: Assumptions) -> Range:
    total, revising = _counts(config)
    selecting, judges = selection_turns(config, assumed), len(config.models["selection"])
    candidates = _candidates(config, assumed)
    voting: float = total if config.record_all else ceil(total * assumed.voting_checks)
    replies = turns_of("revise", config, assumed).likely - 1
    chosen = judges * max(0.0, selecting.likely - 1) * assumed.selection_checks * (1 + FINALISTS)
    on_the_way = revising * replies * assumed.executions_per_reply
    # What a trajectory ran of its own check and change isn't run again.
    crossed = total + (total - revising) + max(0, voting * candidates - revising)
    likely = on_the_way + crossed + candidates + chosen
    every = total * (REPEATS_ON_BASE + total) + revising * 2 * config.turns
    controls = total * (1 + total)
    compared = judges * selecting.high * CHECKS_PER_REPLY * (1 + 2 * FINALISTS)
    return Range(low=0, likely=likely, high=every + controls + compared).whole()


def _commands(config: RunConfig, assumed: Assumptions) -> Range:
    counts = {name: count for name, count in config.strategies.items() if name != "revise"}
    found = NOTHING
    for name, count in counts.items():
        turns = turns_of(name, config, assumed)
        found += Range(
            low=count * max(0, turns.low - 1),
            likely=count * max(0, turns.likely - 1),
            high=count * turns.high,
        )
    return found


def _tests(sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Range:
    if not sizes.tests:
        return NOTHING
    likely = 2 + _candidates(config, assumed)
    return Range(low=0, likely=likely, high=_RUNS_BEFORE + _RUNS_AFTER * _counts(config)[0])


def sandbox_seconds(counted: Executions, config: RunConfig, assumed: Assumptions) -> Range:
    """Return the seconds that sandboxes are busy, summed over all of them."""
    seconds = config.limits.seconds
    return (
        counted.checks.times(assumed.check_seconds.up_to(seconds))
        + counted.commands.times(assumed.command_seconds.up_to(seconds))
        + counted.tests.times(assumed.tests_seconds.up_to(config.regression_seconds))
    )


def longest_seconds(counted: Executions, config: RunConfig) -> float:
    """Return the seconds that sandboxes can be busy where everything is killed at its deadline."""
    commands = counted.checks.high + counted.commands.high
    return commands * config.limits.seconds + counted.tests.high * config.regression_seconds
