"""Measures how much the candidates of an issue differ, so that diversity is seen and not assumed. Pure.

After the finding of PlanSearch (arXiv 2409.03733) that the diversity of ideas predicts what search gains.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

from swe_scale.patch import changed_tokens, is_test, overlap, touched
from swe_scale.ranking import Evidence, Outcomes
from swe_scale.records import Candidate, Diversity, Trajectory, Yield


def diversity(trajectories: Sequence[Trajectory], evidence: Evidence) -> Diversity:
    """Return how much the candidates differ in text, form, place and behaviour.

    Args:
        trajectories: all of them, for what each strategy brought.
        evidence: candidates, with what checks and tests say of them.
    """
    candidates, forms = evidence.candidates, evidence.forms
    return Diversity(
        trees=len(candidates),
        forms=len({forms[one.id] for one in candidates}),
        files=len({_places(one.patch) for one in candidates}),
        behaviours=len(set(behaviours(evidence).values())),
        overlap=_overlap(candidates, forms),
        strategies=_yields(trajectories, evidence),
    )


def behaviours(evidence: Evidence) -> Mapping[str, tuple[object, ...]]:
    """Return what every check says of each candidate, and which tests of the repository it breaks."""
    outcomes = Outcomes(evidence.verdicts)
    checks = sorted({check.id for check in evidence.checks if check.kind != "regression"})
    broken: dict[str, set[str]] = {}
    for verdict in evidence.verdicts:
        broken.setdefault(verdict.candidate, set()).update(verdict.broken)
    return {
        one.id: (*(outcomes.of(one.id, check) for check in checks), frozenset(broken.get(one.id, ())))
        for one in evidence.candidates
    }


def _places(patch: str) -> frozenset[str]:
    paths = touched(patch)
    return frozenset(path for path in paths if not is_test(path)) or frozenset(paths)


def _overlap(candidates: Sequence[Candidate], forms: Mapping[str, str]) -> float | None:
    """Return the mean over all pairs of trajectories: those that made the same change differ in nothing."""
    groups: dict[str, int] = {}
    patches: dict[str, str] = {}
    for one in candidates:
        form = forms[one.id]
        groups[form] = groups.get(form, 0) + len(one.authors)
        patches.setdefault(form, one.patch)
    tokens = {form: changed_tokens(patch) for form, patch in patches.items()}
    total = sum(groups.values())
    pairs = total * (total - 1) // 2
    if not pairs:
        return None
    alike = sum(count * (count - 1) // 2 for count in groups.values())
    shared = sum(
        groups[one] * groups[other] * overlap(tokens[one], tokens[other])
        for one, other in combinations(sorted(groups), 2)
    )
    return round((alike + shared) / pairs, 4)


def _yields(trajectories: Sequence[Trajectory], evidence: Evidence) -> dict[str, Yield]:
    strategy_of = {one.index: one.strategy for one in trajectories}
    brought: dict[str, set[int]] = {name: set() for name in strategy_of.values()}
    makers: dict[str, set[str]] = {}
    for one in evidence.candidates:
        for author in one.authors:
            brought[strategy_of[author]].add(author)
            makers.setdefault(evidence.forms[one.id], set()).add(strategy_of[author])
    return {
        name: Yield(
            trajectories=sum(strategy == name for strategy in strategy_of.values()),
            candidates=len(authors),
            own=sum(names == {name} for names in makers.values()),
        )
        for name, authors in brought.items()
    }
