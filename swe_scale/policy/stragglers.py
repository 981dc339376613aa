"""Ends a search that only waits for what can no longer change its answer, or takes far too long."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median

from swe_scale.policy.progress import Move, Policy, Progress
from swe_scale.ranking import Evidence, Rule
from swe_scale.records import BASE, Candidate, Check, Execution, Outcome, Verdict

_RIVALS = 3
"""Candidates behind the leader that are supposed to get all the help there can be; others need more."""
_SLOW = 3.0
"""Times as long as its finished siblings, from which a trajectory is given up where time is what counts."""
_FEWEST = 2
"""Finished ones that it takes."""
_RAN = Execution(exit_code=0, output="")


@dataclass(frozen=True, slots=True)
class Stragglers:
    """Decides as another policy; where that waits for the last ones, looks whether they matter.

    When at most a third is outstanding, what has finished is checked. The search ends where the other policy
    would end it if nothing came of them, and the leader stays in front, alone, even if all of them help the
    same rival as much as they can.
    """

    policy: Policy
    rule: Rule
    """By which candidates will be ranked."""
    slow: bool = False
    """Whether those are given up, too, that have taken far longer than the others."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        move = self.policy.next(progress)
        left = progress.started - progress.finished
        if move is not None or progress.finished < max(_FEWEST, 2 * left):
            return move
        if progress.checked < progress.finished:
            return Move("check", f"{left} of {progress.started} trajectories are still under way")
        without = replace(progress, finished=progress.started, checked=progress.started)
        ending = self.policy.next(without)
        if ending is None or ending.action != "stop":
            return None
        reason = self._needless(progress, left)
        return Move("stop", f"{reason}; {ending.reason}") if reason else None

    def _needless(self, progress: Progress, left: int) -> str:
        """Return why those outstanding aren't waited for; nothing if they are."""
        evidence, several = progress.evidence, f"{left} trajector{'y' if left == 1 else 'ies'} under way"
        if self.slow and (told := _too_slow(progress)):
            return f"{several} not waited for {told}"
        if evidence is None or not evidence.candidates:
            return ""
        return (
            f"whatever comes of {several}, the leader stays in front"
            if stands(evidence, self.rule, left)
            else ""
        )


def _too_slow(progress: Progress) -> str:
    if not progress.seconds or not progress.waited:
        return ""
    usual, least = median(progress.seconds), min(progress.waited)
    if least < _SLOW * max(usual, 1.0):
        return ""
    return f"after {least:.0f} s, where others took {usual:.0f} s"


def stands(evidence: Evidence, rule: Rule, left: int) -> bool:
    """Return whether the leader stays first, and alone, whatever so many further trajectories bring.

    They are supposed to make the same rival's change, or one of their own that passes all that is there, and
    to write as many checks that fail on the untouched code and on everything but that rival. By a rule for
    which that isn't the worst, this is no proof.
    """
    ranking = rule(evidence)
    if not ranking.ranked or ranking.ranked[0].candidate not in ranking.supported:
        return False
    leader = ranking.ranked[0].candidate
    rivals = [one.candidate for one in ranking.ranked[1 : 1 + _RIVALS]]
    for supposed in (evidence, *(_helped(evidence, name, left) for name in (*rivals, _NEW))):
        found = rule(supposed)
        if found.ranked[0].candidate != leader or found.contested != (leader,):
            return False
    return True


_NEW = "f" * 40
"""Stands for a candidate that is not there yet."""


def _helped(evidence: Evidence, name: str, left: int) -> Evidence:
    """Return the evidence as it would be at best for a candidate."""
    known = [author for one in evidence.candidates for author in one.authors]
    known += [one.author for one in evidence.checks if one.author is not None]
    authors = tuple(range(max(known, default=0) + 1, max(known, default=0) + 1 + left))
    candidates = tuple(
        one.model_copy(update={"authors": (*one.authors, *authors)}) if one.id == name else one
        for one in evidence.candidates
    )
    forms, verdicts = dict(evidence.forms), list(evidence.verdicts)
    if name == _NEW:
        candidates = (*candidates, Candidate(id=_NEW, patch=_PATCH, authors=authors))
        forms[_NEW] = _NEW
        verdicts += [_verdict(_NEW, check, "pass") for check in evidence.checks]
    checks = tuple(Check.of(f"supposed {one}", "reproduction", author=one) for one in authors)
    for check in checks:
        verdicts += [_verdict(BASE, check, "fail"), *_of_all(candidates, check, name)]
    return replace(
        evidence,
        candidates=candidates, forms=forms, checks=(*evidence.checks, *checks), verdicts=tuple(verdicts),
    )  # fmt: skip


_PATCH = "diff --git a/m b/m\n--- a/m\n+++ b/m\n@@ -1 +1 @@\n-a\n+b\n"


def _of_all(candidates: Iterable[Candidate], check: Check, name: str) -> list[Verdict]:
    return [_verdict(one.id, check, "pass" if one.id == name else "fail") for one in candidates]


def _verdict(candidate: str, check: Check, outcome: Outcome) -> Verdict:
    return Verdict(candidate=candidate, check=check.id, outcome=outcome, execution=_RAN)
