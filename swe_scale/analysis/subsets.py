"""What the ranking would have chosen with fewer trajectories: recorded evidence, no model, nothing run."""

import random
from collections.abc import Collection, Mapping, Sequence

from swe_scale.ranking import Evidence, Ranking, Rule
from swe_scale.records import BASE, Solution

_EVERY = 100
"""Issues up to which every size is ranked; beyond, sizes double, since ranking takes its time."""
_RANKINGS = 200
"""Aimed at for each size, over all issues."""
_DRAWS = 8
"""Subsets of one size per issue at most."""


def sizes_of(samples: int, issues: int) -> tuple[int, ...]:
    """Return the numbers of trajectories that are ranked, ascending; the last is all of them."""
    if issues <= _EVERY:
        return tuple(range(1, samples + 1))
    doubled = [size for size in (2**power for power in range(samples.bit_length())) if size < samples]
    return (*doubled, samples) if samples else ()


def draws_of(issues: int) -> int:
    """Return how many subsets of a size are ranked per issue."""
    return max(1, min(_DRAWS, _RANKINGS // max(1, issues)))


def chosen_of(
    solution: Solution, sizes: Sequence[int], draws: int, rule: Rule
) -> Mapping[int, tuple[str | None, ...]]:
    """Return the candidates that are chosen with so many trajectories, drawn without replacement.

    With all of them, the recorded ranking says; its leader counts, not who won a selection.

    Args:
        solution: what is recorded; nothing of it is asked or run again.
        sizes: numbers of trajectories; those beyond what there are take all.
        draws: subsets of each size; always the same ones.
        rule: by which candidates were ranked.

    Returns:
        By size, one candidate per subset; None where none would be proposed.
    """
    indices = [one.index for one in solution.trajectories]
    whole = (_leader(solution),)
    found: dict[int, tuple[str | None, ...]] = {}
    for size in sizes:
        if size >= len(indices):
            found[size] = whole
            continue
        chance = random.Random(f"{solution.issue} {size}")  # noqa: S311 - it draws samples, not secrets
        found[size] = tuple(
            _best(rule(evidence_of(solution, frozenset(chance.sample(indices, size))))) for _ in range(draws)
        )
    return found


def evidence_of(solution: Solution, kept: Collection[int]) -> Evidence:
    """Return what there would be if only these trajectories had been made."""
    candidates = tuple(
        one.model_copy(update={"authors": authors})
        for one in solution.candidates
        if (authors := tuple(author for author in one.authors if author in kept)) or not one.authors
    )
    checks = tuple(
        one
        for one in solution.checks
        if one.author in kept or (one.author is None and one.kind != "distinguishing")
    )
    rows, columns = {BASE, *(one.id for one in candidates)}, {one.id for one in checks}
    verdicts = tuple(one for one in solution.verdicts if one.candidate in rows and one.check in columns)
    forms = {one.candidate: one.form for one in solution.ranking}
    scores = solution.scores.values if solution.scores is not None else {}
    return Evidence(
        candidates,
        {one.id: forms.get(one.id, one.id) for one in candidates},
        checks,
        verdicts,
        scores={name: value for name, value in scores.items() if name in rows},
        reach={(one.check, one.candidate): one.reach for one in solution.reached},
    )


def _leader(solution: Solution) -> str | None:
    return solution.ranking[0].candidate if solution.ranking and solution.patch is not None else None


def _best(ranking: Ranking) -> str | None:
    best = ranking.ranked[0].candidate if ranking.ranked else None
    return best if best in ranking.supported else None
