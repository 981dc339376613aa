"""What a run has cost, by stage and by issue, and what fewer trajectories would have."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from swe_scale.analysis.facts import Fact
from swe_scale.analysis.resampling import Resampled
from swe_scale.analysis.scoring import pass_at, ranked_at
from swe_scale.analysis.summary import Costs, Priced, Stage
from swe_scale.records import Usage
from swe_scale.store import Entry

_SCALED = "trajectory"
"""The stage whose cost grows with the number of trajectories."""


@dataclass(slots=True)
class Books:
    """The rows of a ledger, added up."""

    stages: dict[tuple[str, str], Usage] = field(default_factory=lambda: defaultdict(Usage))
    """By issue and stage."""
    unsettled: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Calls at their bound, by stage."""

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Books":
        """Return the sums of these rows."""
        books = cls()
        for entry in entries:
            issue, _, rest = entry.path.partition("/")
            stage = rest.partition("/")[0]
            books.stages[issue, stage] += entry.usage
            books.unsettled[stage] += not entry.settled
        return books

    def issue(self, issue: str) -> Usage:
        """Return what an issue has cost."""
        return sum((one for (name, _), one in self.stages.items() if name == issue), Usage())

    def by_issue(self) -> Mapping[str, Usage]:
        """Return what each issue has cost."""
        found: dict[str, Usage] = defaultdict(Usage)
        for (issue, _), usage in self.stages.items():
            found[issue] += usage
        return found


def costs_of(books: Books, facts: Sequence[Fact]) -> Costs:
    """Return what a run has cost; all of it is counted, failed issues too."""
    stages: dict[str, Usage] = defaultdict(Usage)
    for (_, stage), usage in books.stages.items():
        stages[stage] += usage
    total = sum(stages.values(), Usage())
    ended = max(1, sum(one.outcome != "unstarted" for one in facts))
    solved = sum(one.views["hardened"].resolved for one in facts if one.views)
    return Costs(
        total=total,
        stages=tuple(
            Stage(name=name, usage=usage, unsettled=books.unsettled[name])
            for name, usage in sorted(stages.items(), key=lambda one: (-one[1].usd, -one[1].tokens, one[0]))
        ),
        usd_per_issue=total.usd / ended,
        tokens_per_issue=total.tokens / ended,
        usd_per_resolved=total.usd / solved if solved else None,
        tokens_per_resolved=total.tokens / solved if solved else None,
    )


def frontier_of(books: Books, facts: Sequence[Fact], samples: int) -> tuple[Priced, ...]:
    """Return what is resolved at which cost with fewer trajectories, over the issues that are all graded.

    A trajectory is taken to cost the mean of its issue's; what other stages have cost stays as it was.
    """
    known = [one for one in facts if one.views and one.views["hardened"].known]
    views, drawn = [one.views["hardened"] for one in known], Resampled(len(known))
    covered = {one.at: one.figure for one in pass_at(views, drawn, samples)}
    whole = books.by_issue()
    points = []
    for point in ranked_at(views, drawn):
        spent = [_scaled(books, whole.get(one.issue, Usage()), one, point.at) for one in known]
        points.append(
            Priced(
                samples=point.at,
                usd=sum(usd for usd, _ in spent) / len(known),
                tokens=sum(tokens for _, tokens in spent) / len(known),
                ranked=point.figure,
                coverage=covered[point.at],
            )
        )
    return tuple(points)


def _scaled(books: Books, whole: Usage, fact: Fact, samples: int) -> tuple[float, float]:
    """Return the money and the tokens of an issue with so many trajectories."""
    theirs = books.stages.get((fact.issue, _SCALED), Usage())
    saved = 1 - min(1.0, samples / fact.trajectories) if fact.trajectories else 0.0
    return whole.usd - saved * theirs.usd, whole.tokens - saved * theirs.tokens
