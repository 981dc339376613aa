"""Tells later trajectories what earlier ones tried and what failed: bounded, and never who made it. Pure.

After the finding that attempts that know summaries of earlier ones do better (arXiv 2604.16529).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swe_scale.prompts import fenced, render
from swe_scale.ranking import Evidence, Outcomes, Ranking, authors_of
from swe_scale.records import BASE, Beginning, Candidate, Check, Outcome, Trajectory, Verdict
from swe_scale.trajectory.shortened import shortened

_BYTES_PER_TOKEN = 3
"""The estimate by which files and issue are counted, too."""
ATTEMPTS = 4
"""Candidates that are told of at most: the best of each normal form."""
_PATCH_SHARE, _OUTPUT_SHARE = 2, 6
"""A candidate's patch may take one part in so many of its share, an output one in so many."""
_OUTPUTS, _TESTS = 2, 8
_TEST_BYTES = 160
_ENDS: Mapping[str, str] = {
    "turns": "ran out of replies",
    "context": "ran out of context",
    "malformed": "never kept the format",
    "cancelled": "was not waited for",
    "done": "ended without a change to more than tests",
}
"""Ends that say something of the attempt; others are accidents."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What later trajectories can learn from."""

    evidence: Evidence
    ranking: Ranking
    trajectories: Sequence[Trajectory]


def noted(earlier: Earlier, tokens: int) -> Beginning:
    """Return notes of the best candidates and of how the rest ended; nothing where nothing is known.

    Args:
        earlier: what has been judged.
        tokens: estimated tokens that the notes may have.
    """
    told = _best_of_each_form(earlier)[:ATTEMPTS]
    ends = _ends(earlier)
    if not told and not ends:
        return Beginning()
    room = _BYTES_PER_TOKEN * tokens
    attempts = [_attempt(one, earlier, room // len(told)) for one in told]
    text = render("notes", attempts=attempts, ends=ends).strip()
    return Beginning(told=shortened(text, room), shown=_alike(told, earlier))


def best(earlier: Earlier, tokens: int) -> Beginning:
    """Return the best tree and its check to go on from, with notes of it; without candidates, as `noted`."""
    found = _best_of_each_form(earlier)
    if not found:
        return noted(earlier, tokens)
    one, room = found[0], _BYTES_PER_TOKEN * tokens
    check = _check_for(one, earlier)
    script = "" if check is None else fenced(shortened(check.script, room // 3), check.language)
    text = render("notes_best", attempt=_attempt(one, earlier, 2 * room // 3), script=script).strip()
    return Beginning(told=shortened(text, room), tree=one.id, check=check, shown=_alike(found[:1], earlier))


def _alike(told: Iterable[Candidate], earlier: Earlier) -> tuple[str, ...]:
    """Return the candidates that are one of these but for formatting."""
    forms = earlier.evidence.forms
    shown = {forms[one.id] for one in told}
    return tuple(one.id for one in earlier.evidence.candidates if forms[one.id] in shown)


def _best_of_each_form(earlier: Earlier) -> list[Candidate]:
    by_id = {one.id: one for one in earlier.evidence.candidates}
    found: dict[str, Candidate] = {}
    for one in earlier.ranking.ranked:
        found.setdefault(one.form, by_id[one.candidate])
    return list(found.values())


def _check_for(one: Candidate, earlier: Earlier) -> Check | None:
    """Return its author's own check if that fails on the untouched code, else the first that does, if any."""
    outcomes, checks = Outcomes(earlier.evidence.verdicts), _written(earlier.evidence)
    telling = [check for check in checks if outcomes.reproduces(check.id)]
    own = [check for check in telling if check.author in one.authors]
    return next(iter((*own, *telling)), None)


def _written(evidence: Evidence) -> list[Check]:
    return list({check.id: check for check in evidence.checks if check.kind != "regression"}.values())


def _attempt(one: Candidate, earlier: Earlier, room: int) -> dict[str, Any]:
    """Return what a template says of one candidate."""
    evidence, outcomes = earlier.evidence, Outcomes(earlier.evidence.verdicts)
    authors = authors_of(evidence.checks)
    own = [check for check in _written(evidence) if authors[check.id] & set(one.authors)]
    others = [check for check in _written(evidence) if check not in own and outcomes.reproduces(check.id)]
    failed = [check for check in others if outcomes.of(one.id, check.id) not in ("pass", "infra", None)]
    outputs = (_output(one, check, evidence.verdicts, room // _OUTPUT_SHARE) for check in failed)
    broken = sorted(
        {test for verdict in evidence.verdicts if verdict.candidate == one.id for test in verdict.broken}
    )
    shown = [shortened(" ".join(test.split()), _TEST_BYTES) for test in broken[:_TESTS]]
    said = [tuple(_said(outcomes.of(name, check.id)) for name in (BASE, one.id)) for check in own]
    return {
        "patch": shortened(one.patch, room // _PATCH_SHARE),
        "own": [pair for pair in said if any(pair)][:1],
        "failed": len(failed),
        "of": sum(outcomes.of(one.id, check.id) not in ("infra", None) for check in others),
        "outputs": [text for text in outputs if text.strip()][:_OUTPUTS],
        "broken": shown,
        "more": len(broken) - len(shown),
    }


def _said(outcome: Outcome | None) -> Outcome | None:
    """Return what a check says; None where it wasn't run, or couldn't be."""
    return None if outcome == "infra" else outcome


def _output(one: Candidate, check: Check, verdicts: Iterable[Verdict], most: int) -> str:
    runs = (v for v in verdicts if (v.candidate, v.check) == (one.id, check.id))
    said = (v.execution.output for v in runs if v.outcome not in ("pass", "infra"))
    return shortened(next(said, "").strip(), most)


def _ends(earlier: Earlier) -> list[str]:
    brought = {author for one in earlier.evidence.candidates for author in one.authors}
    ends = Counter(one.outcome for one in earlier.trajectories if one.index not in brought)
    return [f"{count} {_ENDS[end]}" for end, count in sorted(ends.items()) if end in _ENDS]
