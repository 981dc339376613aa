"""Replays a run with another rule or policy, fewer trajectories, fewer turns: no model is called.

For each issue and repetition some of its trajectories are drawn without replacement and cut; the policy
decides over them, the rule ranks what they brought, and the leader is looked up in the grades. The rule sees
the evidence alone: labels are looked at when it has ranked.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from swe_scale.analysis.recording import Lacks, Recording
from swe_scale.analysis.simulation import Drawn, Simulated, simulate
from swe_scale.policy import Policy
from swe_scale.ranking import Evidence, Prior, Ranking, Rule
from swe_scale.records import Solution, Trajectory, Usage


@dataclass(frozen=True, slots=True)
class Method:
    """A rule and a policy, by their names."""

    rule: str
    policy: str
    ranks: Rule
    decides: Policy

    def __str__(self) -> str:
        """Return the names."""
        return f"{self.rule}, {self.policy}"


@dataclass(frozen=True, slots=True)
class Point:
    """How much is taken of the record: None is all of it."""

    samples: int | None = None
    turns: int | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """Whether a patch resolves its issue."""

    hardened: bool
    official: bool


Labels = Callable[[str], Label | None]
"""From a patch to its label; None where it wasn't graded, or the machine failed."""


@dataclass(frozen=True, slots=True)
class Score:
    """What came of one draw, or the mean over several: shares of 1, and what it cost."""

    resolved: float
    """By what would be proposed; an abstention resolves nothing."""
    official: float
    """The same by the official rules."""
    leader: float
    """By the leader of the ranking, whether or not it would be proposed."""
    coverage: float
    """By any candidate."""
    chance: float
    """By a candidate drawn from the trajectories that brought one."""
    abstained: float
    trajectories: float
    tokens: float
    usd: float


@dataclass(frozen=True, slots=True)
class IssueScores:
    """What came of one issue."""

    issue: str
    scores: Mapping[tuple[Point, int], Score]
    """By point and number of the method; missing where no draw could be looked up."""
    draws: int
    unknown: int
    """Draws left out, since a candidate has no grade."""
    short: frozenset[int]
    """Numbers of samples of which there are fewer."""
    recorded: int
    """Trajectories that can be drawn."""
    late: int
    """Those that learnt from others: drawn only with the whole of them."""
    lacks: Lacks


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed."""

    methods: tuple[Method, ...]
    """All of them on the same draws."""
    points: tuple[Point, ...]
    repetitions: int
    seed: int
    prior: Prior | None = None
    """What rules and policies know of such issues before."""


def replay_issue(solution: Solution, labels: Labels, plan: Plan) -> IssueScores:
    """Replay one issue.

    Raises:
        ExtensionError: a rule or policy of another package failed.
    """
    recording = Recording(solution, plan.prior)
    found: dict[tuple[Point, int], list[Score]] = {}
    unknown = 0
    for point in plan.points:
        bench = _Bench(recording, point.turns, labels)
        for repetition in range(plan.repetitions):
            drawn = _draw(recording, point, _chance(plan, solution.issue, repetition))
            if not bench.known((*drawn.first, *drawn.late)):
                unknown += 1
                continue
            for number, method in enumerate(plan.methods):
                found.setdefault((point, number), []).append(bench.score(method, drawn))
    wanted = {point.samples for point in plan.points} - {None}
    return IssueScores(
        solution.issue,
        {place: _mean(scores) for place, scores in found.items()},
        len(plan.points) * plan.repetitions,
        unknown,
        frozenset(count for count in wanted if count is not None and count > len(recording.first)),
        len(recording.first),
        len(recording.late),
        recording.lacks,
    )


def _chance(plan: Plan, issue: str, repetition: int) -> random.Random:
    """Return the lot of one repetition: the same at every point, so that these are comparable."""
    return random.Random(f"{plan.seed} {issue} {repetition}")  # noqa: S311


def _draw(recording: Recording, point: Point, chance: random.Random) -> Drawn:
    """Draw trajectories in a random order; those that learnt from others come with the whole of them only."""
    order = chance.sample(recording.first, len(recording.first))
    whole = point.samples is None and point.turns is None
    return Drawn(order[: point.samples], recording.late if whole else ())


class _Bench:
    """Judges draws of one issue cut at one number of turns, each distinct one once."""

    def __init__(self, recording: Recording, turns: int | None, labels: Labels) -> None:
        self._recording = recording
        self._labels = labels
        whole = (*recording.first, *recording.late)
        self._most = turns if turns is not None else max((len(one.turns) for one in whole), default=0)
        self._turns = turns
        self._cuts: dict[tuple[int, int | None], Trajectory] = {}
        self._evidence: dict[frozenset[int], Evidence] = {}
        self._ranked: dict[tuple[str, frozenset[int]], Ranking] = {}

    def known(self, trajectories: Sequence[Trajectory]) -> bool:
        """Return whether every candidate of these has a label."""
        evidence = self._evidence_of([self._cut(one) for one in trajectories])
        return all(self._labels(one.patch) is not None for one in evidence.candidates)

    def score(self, method: Method, drawn: Drawn) -> Score:
        """Return what a method makes of a draw."""
        done = simulate(method.decides, drawn, self._evidence_of, self._cut, self._most)
        evidence = self._evidence_of(done.judged)
        name = method.rule, _names(done.judged)
        if name not in self._ranked:
            self._ranked[name] = method.ranks(evidence)
        return self._scored(evidence, self._ranked[name], done)

    def _evidence_of(self, trajectories: Sequence[Trajectory]) -> Evidence:
        names = _names(trajectories)
        if names not in self._evidence:
            whole = sorted(trajectories, key=lambda one: one.index)
            self._evidence[names] = self._recording.evidence(whole)
        return self._evidence[names]

    def _cut(self, one: Trajectory, pause: int | None = None) -> Trajectory:
        turns = min((one for one in (self._turns, pause) if one is not None), default=None)
        place = one.index, turns
        if place not in self._cuts:
            self._cuts[place] = self._recording.cut(one, turns)
        return self._cuts[place]

    def _scored(self, evidence: Evidence, ranking: Ranking, done: Simulated) -> Score:
        labels = {one.id: self._labels(one.patch) or Label(False, False) for one in evidence.candidates}
        authors = sum(len(one.authors) for one in evidence.candidates)
        right = sum(len(one.authors) for one in evidence.candidates if labels[one.id].hardened)
        leader = ranking.ranked[0].candidate if ranking.ranked else None
        first = labels[leader] if leader is not None else Label(False, False)
        proposed = leader in ranking.supported
        usage = sum((one.usage for one in done.started), Usage())
        return Score(
            resolved=float(proposed and first.hardened),
            official=float(proposed and first.official),
            leader=float(first.hardened),
            coverage=float(any(one.hardened for one in labels.values())),
            chance=right / authors if authors else 0.0,
            abstained=float(not proposed),
            trajectories=float(len(done.started)),
            tokens=float(usage.tokens),
            usd=usage.usd,
        )


def _names(trajectories: Sequence[Trajectory]) -> frozenset[int]:
    # Each cut of a trajectory is made once, and kept.
    return frozenset(id(one) for one in trajectories)


def _mean(scores: Sequence[Score]) -> Score:
    return Score(
        **{name: sum(getattr(one, name) for one in scores) / len(scores) for name in Score.__slots__}
    )
