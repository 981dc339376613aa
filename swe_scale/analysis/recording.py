"""One issue's record, taken apart: what a rule would have seen of fewer trajectories or fewer turns."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swe_scale.judging import candidates_of, checks_of, without_echoes
from swe_scale.patch import token_form
from swe_scale.ranking import Evidence, Prior
from swe_scale.records import BASE, Check, Solution, Trajectory, Usage, Verdict


@dataclass(slots=True)
class Lacks:
    """What the record doesn't have, so that something else had to stand in."""

    cells: int = 0
    """That a vote would have asked for."""
    wanted: int = 0
    """Cells in all."""
    forms: set[str] = field(default_factory=set)
    """Trees whose normal form isn't recorded: their changed tokens stand for it."""
    checks: set[int] = field(default_factory=set)
    """Trajectories of which only the last check is recorded: cut, they have none."""
    whole: set[int] = field(default_factory=set)
    """Trajectories without turns, which can't be cut."""


class Recording:
    """What is recorded of one issue."""

    def __init__(self, solution: Solution, prior: Prior | None = None) -> None:
        self.issue, self._prior = solution.issue, prior
        self.lacks = Lacks()
        self._styled = solution.styled
        self._patches = {one.id: one.patch for one in solution.candidates}
        self._authored = {index: one.id for one in solution.candidates for index in one.authors}
        # What judges wrote comes after the rule, so no rule sees it.
        self._tests = tuple(
            one for one in solution.checks if one.author is None and one.kind != "distinguishing"
        )
        self._scores = {} if solution.scores is None else solution.scores.values
        self._reach = {(one.check, one.candidate): one.reach for one in solution.reached}
        self._cells: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
        for verdict in (*solution.verdicts, *solution.turn_verdicts):
            self._cells[verdict.check, verdict.candidate].append(verdict)
        forms = {one.candidate: one.form for one in solution.ranking}
        self._forms = forms | dict(solution.forms)
        self._by_tokens = {token_form(self._patches[tree]): form for tree, form in forms.items()}
        late = {one.trajectory for one in solution.decisions if one.action in ("refine", "fork")}
        self.first: Sequence[Trajectory] = tuple(
            one for one in solution.trajectories if not _learnt(one) and one.index not in late
        )
        """Those that began with the issue alone, or with a plan: any of them stands for any other."""
        self.late = tuple(one for one in solution.trajectories if one not in self.first)
        """Those that began with what the others had brought."""

    def cut(self, one: Trajectory, turns: int | None) -> Trajectory:
        """Return a trajectory as if it had been stopped after so many turns; None leaves it whole."""
        if turns is not None and not one.turns:
            self.lacks.whole.add(one.index)
        if turns is None or turns >= len(one.turns):
            tree, patch = self._judged(one.tree, one.patch)
            named = self._authored.get(one.index)
            if named is not None and one.patch:
                tree, patch = named, self._patches[named]
            return one.model_copy(update={"turns": (), "tree": tree, "patch": patch})
        last = one.turns[turns - 1]
        tree, patch = self._judged(last.tree, last.patch)
        if one.check is not None and one.turns[-1].check is None:
            self.lacks.checks.add(one.index)
        usage = sum((turn.completion.usage for turn in one.turns[:turns]), Usage())
        ended = {"tree": tree, "patch": patch, "check": last.check, "usage": usage, "outcome": "turns"}
        return one.model_copy(update={"turns": (), "error": "", **ended})

    def evidence(self, trajectories: Sequence[Trajectory]) -> Evidence:
        """Return what a rule sees of these trajectories, cut as they are."""
        found = candidates_of(trajectories, BASE)
        forms = {one.id: self._form(one.id, one.patch) for one in found}
        candidates = without_echoes(found, forms)
        checks = (*checks_of(trajectories), *self._tests)
        places = (BASE, *(one.id for one in candidates))
        names = dict.fromkeys(check.id for check in checks)
        verdicts = [one for check in names for place in places for one in self._cells.get((check, place), ())]
        scores = {one.id: self._scores[one.id] for one in candidates if one.id in self._scores}
        own = {one.id: forms[one.id] for one in candidates}
        evidence = Evidence(
            candidates, own, checks, tuple(verdicts),
            scores=scores, prior=self._prior, reach=self._reach,
        )  # fmt: skip
        self._count(evidence)
        return evidence

    def _judged(self, tree: str, patch: str) -> tuple[str, str]:
        """Return the tree and patch that were judged in place of these: a formatter may have changed them."""
        now = self._styled.get(tree, tree)
        return (now, self._patches[now]) if now in self._patches else (tree, patch)

    def _form(self, tree: str, patch: str) -> str:
        if tree not in self._forms:
            self.lacks.forms.add(tree)
            tokens = token_form(patch)
            self._forms[tree] = self._by_tokens.setdefault(tokens, tokens)
        return self._forms[tree]

    def _count(self, evidence: Evidence) -> None:
        """Count the cells that a vote asks for, and those of them that were never run."""
        outcomes = evidence.outcomes
        distinct: Mapping[str, Check] = {one.id: one for one in evidence.checks}
        for name, check in distinct.items():
            known = check.kind == "regression" or (name, BASE) in self._cells
            if known and check.kind != "regression" and not outcomes.reproduces(name):
                continue
            self.lacks.wanted += len(evidence.candidates)
            self.lacks.cells += sum(
                not known or (name, one.id) not in self._cells for one in evidence.candidates
            )


def _learnt(one: Trajectory) -> bool:
    return bool(one.shown or one.began)
