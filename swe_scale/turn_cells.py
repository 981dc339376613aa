"""Crosses the patch after every turn with all checks that ever stood, so that cut turns can be replayed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from swe_scale.crosscheck import fill
from swe_scale.judging import Judging
from swe_scale.patch import normal_form, only_tests, touched
from swe_scale.ranking import Evidence
from swe_scale.records import BASE, Candidate, Check, Trajectory, Verdict


@dataclass(slots=True)
class TurnCells:
    """What checks say of trees that are no candidates, and what those say that were given up later."""

    judging: Judging
    forms: dict[str, str] = field(default_factory=dict)
    """Normal form by tree."""
    _told: dict[tuple[str, str, int], Verdict] = field(default_factory=dict)

    @property
    def record(self) -> dict[str, Any]:
        """The fields of a solution by which other turns and votes can be replayed.

        Of the cells, those beside the judging's own; their outputs stay with each cell's own step.
        """
        known = {(one.check, one.candidate, one.repeat) for one in self.judging.evidence.verdicts}
        return {
            "styled": dict(self.judging.styled),
            "forms": {**self.forms, **self.judging.all_forms},
            "turn_verdicts": tuple(_brief(self._told[cell]) for cell in sorted(self._told.keys() - known)),
        }

    async def run(self, trajectories: Sequence[Trajectory], deadline: float) -> None:
        """Run the cells; when the time is over, those count that are there.

        Raises:
            SandboxError: the backend no longer works at all.
            StoreError: the record can't be written.
        """
        judging = self.judging
        others = trees_of_turns(trajectories, {one.id for one in judging.candidates})
        checks = checks_of_turns(trajectories)
        with anyio.CancelScope(deadline=deadline):
            for one in others:
                self.forms[one.id] = normal_form(await judging.trees.changes(one.id))
            everything = (*judging.candidates, *others)
            await fill(judging.cells, lambda: self._evidence(everything, checks), judging.needs, self._keep)
            _, tests = await judging.neighbours.verdicts(others, near=judging.candidates)
            for verdict in tests:
                self._keep(verdict)

    def _evidence(self, trees: tuple[Candidate, ...], checks: tuple[Check, ...]) -> Evidence:
        return Evidence(trees, {}, checks, tuple(self._told.values()))

    def _keep(self, verdict: Verdict) -> None:
        self._told[verdict.check, verdict.candidate, verdict.repeat] = verdict


def trees_of_turns(trajectories: Iterable[Trajectory], judged: set[str]) -> tuple[Candidate, ...]:
    """Return the trees after turns that change more than tests and weren't judged, sorted by id."""
    patches = {
        turn.tree: turn.patch
        for one in trajectories
        for turn in one.turns
        if turn.patch and turn.tree not in judged | {BASE} and not only_tests(touched(turn.patch))
    }
    return tuple(Candidate(id=tree, patch=patches[tree]) for tree in sorted(patches))


def checks_of_turns(trajectories: Iterable[Trajectory]) -> tuple[Check, ...]:
    """Return every check that stood after some turn or at an end, equal scripts once."""
    found: dict[str, Check] = {}
    for one in trajectories:
        for check in (*(turn.check for turn in one.turns), one.check):
            if check is not None:
                found.setdefault(check.id, check)
    return tuple(found[name] for name in sorted(found))


def _brief(verdict: Verdict) -> Verdict:
    return verdict.model_copy(update={"execution": verdict.execution.model_copy(update={"output": ""})})
