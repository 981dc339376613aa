"""Gathers what trajectories brought and has it judged by their checks and the repository's own tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from swe_scale.checks import Cells
from swe_scale.crosscheck import fill
from swe_scale.patch import normal_form, only_tests, touched
from swe_scale.ranking import Evidence, Prior
from swe_scale.ranking.worth import VOTING, Needs
from swe_scale.reach import Reaches, Reaching
from swe_scale.records import BASE, Candidate, Check, Crossed, Trajectory, Verdict
from swe_scale.regression.neighbours import Neighbours
from swe_scale.trees import Trees


class Style(Protocol):
    """The project's own formatter."""

    async def styled(self, tree: str) -> str:
        """Return the tree after formatting: itself where nothing changes, or nothing can be run."""
        ...


@dataclass(slots=True)
class Judging:
    """The evidence on one issue. Asked again it takes in what is new, and keeps what was there."""

    cells: Cells
    trees: Trees
    neighbours: Neighbours
    """The repository's own tests near a change."""
    needs: Needs = VOTING
    """Which cells are run."""
    style: Style | None = None
    """Run over every candidate before it is judged. None: candidates are taken as they are."""
    sources: tuple[Trajectory, ...] = ()
    """Those that ended elsewhere: their candidates are judged beside the others."""
    checks: tuple[Check, ...] = ()
    """Those that no trajectory wrote."""
    prior: Prior | None = None
    """What is known of such issues before."""
    reaching: Reaching | None = None
    """Finds out whether checks execute what candidates change. None: that isn't asked."""
    candidates: tuple[Candidate, ...] = ()
    forms: Mapping[str, str] = field(default_factory=dict)
    all_forms: Mapping[str, str] = field(default_factory=dict)
    """Those of candidates that only repeat what their authors were told, too."""
    styled: Mapping[str, str] = field(default_factory=dict)
    """Trees of trajectories that the formatter changed, with the tree that is judged in place of each."""
    _written: tuple[Check, ...] = ()
    _cells: dict[tuple[str, str, int], Verdict] = field(default_factory=dict)
    _tests: dict[str, tuple[Verdict, ...]] = field(default_factory=dict)
    """What the repository's own tests say, by candidate."""
    _suite: tuple[Check, ...] = ()
    _reach: Reaches = field(default_factory=dict)
    _over: bool = True
    """Whether all was run that was needed."""

    async def judge(self, trajectories: Sequence[Trajectory], deadline: float) -> None:
        """Take in these trajectories; when the time is over, what is there by then counts.

        Raises:
            SandboxError: the backend no longer works at all.
            StoreError: the record can't be written.
        """
        await self._gather((*trajectories, *self.sources), deadline)
        with anyio.CancelScope(deadline=deadline):
            await self._cross()

    async def _cross(self) -> None:
        """Run the cells that are needed, then the repository's own tests; these may make others needed.

        Between them it is asked, where that is wanted, whether checks execute what candidates change.

        Where a sandbox failed before, it is tried again.
        """
        self._over = False
        self._cells = {cell: told for cell, told in self._cells.items() if told.outcome != "infra"}
        await self._fill()
        if self.reaching is not None:
            outcomes = self.evidence.outcomes
            hanging = [one.id for one in self._written if outcomes.of(BASE, one.id) == "timeout"]
            self._reach = await self.reaching.ask(self._written, self.candidates, hanging)
        ready = await self.neighbours.ready(self.candidates)
        self._suite, self._tests = () if ready is None else ready.checks, {}
        by_id = {one.id: one for one in self.candidates}
        slots = int(self.cells.slots.total_tokens)
        if ready is None:
            await self._fill()
        while ready is not None and (trees := self.needs.tested(self.evidence, self._tests, slots)):
            await self.neighbours.run(ready, [by_id[tree] for tree in trees], self._tests.__setitem__)
            await self._fill()
        self._over = True

    async def _fill(self) -> None:
        await fill(self.cells, lambda: self.evidence, self.needs, self._keep)

    @property
    def evidence(self) -> Evidence:
        """What a ranking may look at."""
        told = tuple(self._cells[cell] for cell in sorted(self._cells))
        tests = tuple(one for tree in sorted(self._tests) for one in self._tests[tree])
        written = self._written + self._suite
        return Evidence(
            self.candidates, self.forms, written, told + tests, prior=self.prior, reach=self._reach
        )

    @property
    def crossed(self) -> Crossed:
        """How much of the matrix was run, and why the rest was not."""
        outcomes = self.evidence.outcomes
        ran = {(check, tree) for check, tree, _ in self._cells if tree in self.forms}
        asked = {one.id for one in self._written if outcomes.reproduces(one.id)} | {check for check, _ in ran}
        run, of = len(ran), len(asked) * len(self.candidates)
        tested, left = len(self._tests), self._suite and len(self._tests) < len(self.candidates)
        why = self.needs.why if self._over else "the time was over"
        return Crossed(run=run, of=of, tested=tested, why=why if run < of or left else "")

    def _keep(self, verdict: Verdict) -> None:
        self._cells[verdict.check, verdict.candidate, verdict.repeat] = verdict

    async def _gather(self, trajectories: Sequence[Trajectory], deadline: float) -> None:
        styled = await self._styled([one.tree for one in trajectories if one.patch], deadline)
        brought = [await self._brought(one, styled.get(one.tree, one.tree)) for one in trajectories]
        found = candidates_of(brought, self.trees.base)
        forms = {one.id: normal_form(await self.trees.changes(one.id)) for one in found}
        self.candidates = without_echoes(found, forms)
        self.all_forms = forms
        self.styled = {tree: now for tree, now in styled.items() if now != tree}
        self.forms = {one.id: forms[one.id] for one in self.candidates}
        self._written = (*self.checks, *checks_of(trajectories))
        for one in self.candidates:
            self.cells.events.emit("candidate", f"{one.id[:8]} by {len(one.authors)}", one.id)

    async def _styled(self, trees: Sequence[str], deadline: float) -> Mapping[str, str]:
        found: dict[str, str] = {}
        style = self.style
        if style is None:
            return found

        async def one(tree: str) -> None:
            found[tree] = await style.styled(tree)

        with anyio.CancelScope(deadline=deadline):
            async with anyio.create_task_group() as group:
                for tree in sorted({*trees} - {self.trees.base}):
                    group.start_soon(one, tree)
        return found

    async def _brought(self, one: Trajectory, tree: str) -> Trajectory:
        """Return the trajectory with the tree that is judged in place of its own."""
        if tree == one.tree:
            return one
        return one.model_copy(update={"tree": tree, "patch": await self.trees.patch(tree)})


def candidates_of(trajectories: Sequence[Trajectory], base: str) -> tuple[Candidate, ...]:
    """Return the distinct trees that change more than tests, in the order of their ids.

    Who was told of a candidate, or began with it, is not another author of it.
    """
    authors: dict[str, list[Trajectory]] = {}
    patches: dict[str, str] = {}
    for one in trajectories:
        if one.tree != base and one.patch and not only_tests(touched(one.patch)):
            authors.setdefault(one.tree, []).append(one)
            patches[one.tree] = one.patch
    return tuple(_candidate(tree, patches[tree], authors[tree]) for tree in sorted(authors))


def checks_of(trajectories: Sequence[Trajectory]) -> tuple[Check, ...]:
    """Return the checks; who kept one that others had written before isn't another author of it."""
    first = {one.check.id for one in trajectories if one.check is not None and not one.shown}
    return tuple(
        one.check
        for one in trajectories
        if one.check is not None and not (one.shown and one.check.id in first)
    )


def _candidate(tree: str, patch: str, makers: Sequence[Trajectory]) -> Candidate:
    own = [one for one in makers if tree not in (*one.shown, one.began)] or makers
    shown = set.intersection(*({*one.shown, one.began} for one in own)) - {tree, ""}
    indexes = sorted(one.index for one in own)
    return Candidate(id=tree, patch=patch, authors=tuple(indexes), shown=tuple(sorted(shown)))


def without_echoes(candidates: Sequence[Candidate], forms: Mapping[str, str]) -> tuple[Candidate, ...]:
    """Return the candidates without those that only repeat, in other words, what their authors were told."""
    return tuple(one for one in candidates if forms[one.id] not in {forms.get(shown) for shown in one.shown})
