"""Counts what would run in sandboxes: checks on trees, agents' commands, the repository's tests."""

from math import ceil

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.conversations import (
    CHECKS_PER_REPLY,
    Kind,
    kind_of,
    selection_turns,
    start_of,
    turns_of,
)
from swe_scale.analysis.ranges import NOTHING, Range
from swe_scale.analysis.sizes import Sizes
from swe_scale.config import Exec, RunConfig
from swe_scale.formatting import STYLE_SECONDS
from swe_scale.ranking.rule import FINALISTS
from swe_scale.ranking.worth import REPEATS_ON_BASE
from swe_scale.records import Record
from swe_scale.regression import FILES
from swe_scale.regression.survey import POOL, TRIALS_SHARE
from swe_scale.trajectory import LATE

_RUNS_BEFORE = 2
"""Runs of the repository's tests on the untouched code, at most, and on a candidate, below."""
_RUNS_AFTER = 2
_TRIALS = FILES * POOL
"""Test files that are tried by themselves on the untouched code, at most, each of them once or twice."""
_RUNS_PER_REPLY = 4
"""Of a check: on the untouched code, on the tree begun with, on the changed one, and its control."""


class Executions(Record):
    """How often something runs in a fresh sandbox, or in an agent's."""

    checks: Range = NOTHING
    """On the untouched code and on candidates, with the control experiments."""
    commands: Range = NOTHING
    """Of agents."""
    agents: Range = NOTHING
    """Runs of command-line agents."""
    tests: Range = NOTHING
    """Runs of the repository's tests near the change."""
    trials: Range = NOTHING
    """Runs of one test file on the untouched code, to choose those that are near."""
    styled: Range = NOTHING
    """Candidates over which the project's own formatters are run."""

    @property
    def all(self) -> Range:
        """All of them together."""
        return self.checks + self.commands + self.agents + self.tests + self.trials + self.styled

    def __add__(self, other: "Executions") -> "Executions":
        """Return the sum, kind by kind."""
        return Executions(
            checks=self.checks + other.checks,
            commands=self.commands + other.commands,
            agents=self.agents + other.agents,
            tests=self.tests + other.tests,
            trials=self.trials + other.trials,
            styled=self.styled + other.styled,
        )


def executions(sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Executions:
    """Return how much would run.

    Low: no reply holds a check. High: each with a change and a check of
    its own, another one in every reply; each check fails on the untouched code and passes on every candidate,
    and all of the selection's replies are full of checks. What the infrastructure makes run again is not
    counted, nor what is spared because it can't change the answer: that depends on what checks say.
    """
    return Executions(
        checks=_checks(config, assumed),
        commands=_commands(config, assumed),
        agents=_agents(config),
        tests=_tests(sizes, config, assumed),
        trials=_trials(sizes, config),
        styled=_styled(sizes, config, assumed),
    )


def _of_kind(config: RunConfig, *kinds: Kind) -> dict[str, int]:
    return {name: count for name, count in config.strategies.items() if kind_of(name, config) in kinds}


def _candidates(config: RunConfig, assumed: Assumptions) -> int:
    return ceil(sum(config.strategies.values()) * assumed.distinct_candidates)


def _checks(config: RunConfig, assumed: Assumptions) -> Range:
    total = sum(config.strategies.values())
    own = _of_kind(config, "revise", "agent")
    looking, replies = sum(own.values()), sum(count * config.turns_of(name) for name, count in own.items())
    selecting, judges = (
        selection_turns(config, assumed),
        config.verdicts if config.selection == "checks" else 0,
    )
    candidates = _candidates(config, assumed)
    voting = ceil(total * assumed.voting_checks)
    met = total if config.record_all else voting
    chosen = judges * max(0.0, selecting.likely - 1) * assumed.selection_checks * (1 + FINALISTS)
    # What a trajectory ran of its own check and change isn't run again.
    crossed = total + (total - looking) + max(0, met * candidates - looking)
    traced = total if config.trace_checks else 0
    # Most runs agree, so that more than half of those that are allowed decide. Only what votes is repeated.
    again = voting * candidates * (config.repeats // 2)
    likely = _on_the_way(config, assumed) + crossed + again + candidates + chosen + traced
    every = total * (REPEATS_ON_BASE + total * config.repeats) + _RUNS_PER_REPLY * replies
    controls = total * (1 + total)
    compared = judges * selecting.high * CHECKS_PER_REPLY * (1 + 2 * FINALISTS)
    written = traced and traced + judges * selecting.high * CHECKS_PER_REPLY
    return Range(low=0, likely=likely, high=every + controls + compared + written).whole()


def _on_the_way(config: RunConfig, assumed: Assumptions) -> float:
    """Return the likely runs of trajectories' own checks while they work."""
    revising = sum(_of_kind(config, "revise").values())
    replies = turns_of("revise", config, assumed).likely - 1
    commands = _commands(config, assumed).likely
    return revising * replies * assumed.executions_per_reply + commands * assumed.executions_per_command


def _commands(config: RunConfig, assumed: Assumptions) -> Range:
    found = NOTHING
    for name, count in _of_kind(config, "agent").items():
        turns = turns_of(name, config, assumed)
        found += Range(
            low=count * max(0, turns.low - 1),
            likely=count * max(0, turns.likely - 1),
            high=count * turns.high,
        )
    return found


def _agents(config: RunConfig) -> Range:
    count = sum(_of_kind(config, "exec").values())
    return Range(low=count, likely=count, high=count)


def _agent_seconds(config: RunConfig) -> float:
    """Return the longest that a command-line agent may run."""
    return max((one.seconds for one in config.named.values() if isinstance(one, Exec)), default=0.0)


def _tests(sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Range:
    if not sizes.tests:
        return NOTHING
    high = _RUNS_BEFORE + _RUNS_AFTER * sum(config.strategies.values())
    return Range(low=0, likely=1 + _candidates(config, assumed), high=_rounds(config) * high)


def _trials(sizes: Sizes, config: RunConfig) -> Range:
    most = min(sizes.tests, _TRIALS)
    return Range(low=0, likely=min(most, FILES), high=2 * most * _rounds(config))


def _rounds(config: RunConfig) -> int:
    """Return how often candidates are judged: those that come later may change other places."""
    return 1 + any(start_of(name, config) in LATE for name in config.strategies)


def _styled(sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Range:
    if not sizes.formatted:
        return NOTHING
    return Range(low=0, likely=_candidates(config, assumed), high=sum(config.strategies.values()))


def sandbox_seconds(counted: Executions, config: RunConfig, assumed: Assumptions) -> Range:
    """Return the seconds that sandboxes are busy, summed over all of them."""
    seconds = config.limits.seconds
    return (
        counted.checks.times(assumed.check_seconds.up_to(seconds))
        + counted.commands.times(assumed.command_seconds.up_to(seconds))
        + counted.agents.times(assumed.exec_seconds.up_to(_agent_seconds(config)))
        + counted.tests.times(assumed.tests_seconds.up_to(config.regression_seconds))
        + counted.trials.times(assumed.trial_seconds.up_to(config.regression_seconds * TRIALS_SHARE))
        + counted.styled.times(assumed.style_seconds.up_to(STYLE_SECONDS))
    )


def longest_seconds(counted: Executions, config: RunConfig) -> float:
    """Return the seconds that sandboxes can be busy where everything is killed at its deadline."""
    commands = counted.checks.high + counted.commands.high
    agents = counted.agents.high * _agent_seconds(config)
    trials = _rounds(config) * config.cells * config.regression_seconds * TRIALS_SHARE
    tests = counted.tests.high * config.regression_seconds + (trials if counted.trials.high else 0)
    return agents + commands * config.limits.seconds + tests + counted.styled.high * STYLE_SECONDS
