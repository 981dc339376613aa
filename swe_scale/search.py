"""The loop that carries out a policy's decisions, each of them a durable step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from swe_scale.crosscheck import fill
from swe_scale.models import Model
from swe_scale.patch import normal_form, only_tests, touched
from swe_scale.policy import Move, Policy, Progress
from swe_scale.prompts import templates_digest
from swe_scale.ranking import Evidence
from swe_scale.records import Candidate, Check, Decision, Trajectory, Verdict, digest
from swe_scale.regression.neighbours import Neighbours
from swe_scale.store import Key
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trajectory.loop import run

_LASTING = ("done", "turns", "malformed", "context")
"""Ends that going on wouldn't change."""


@dataclass(slots=True)
class Search:
    """The search for one issue: what was started, what came of it, what was decided."""

    setting: Setting
    models: Sequence[Model]
    """Trajectories take turns with them."""
    policy: Policy
    plan: Sequence[Assignment]
    neighbours: Neighbours
    """The repository's own tests near a change."""
    record_all: bool
    deadline: float
    """When everything ends, on the event loop's clock; what is there by then is judged."""
    trajectories: dict[int, Trajectory] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    candidates: tuple[Candidate, ...] = ()
    forms: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    _started: int = 0
    _checked: int = 0
    _finished: anyio.Event = field(default_factory=anyio.Event)

    async def run(self) -> None:
        """Ask the policy, carry out, until it stops.

        Raises:
            EndpointRefused: an endpoint answers nothing at all.
            SandboxError: the backend no longer works at all.
            StoreError: the record can't be written.
        """
        async with anyio.create_task_group() as group:
            while True:
                move = self.policy.next(
                    Progress(len(self.plan), self._started, len(self.trajectories), self._checked)
                )
                if move is None:
                    await self._finished.wait()
                    self._finished = anyio.Event()
                elif move.action == "stop":
                    return
                else:
                    await self._carry_out(await self.decide(move), group)

    def trajectory_list(self) -> tuple[Trajectory, ...]:
        """Return the trajectories by index, in whatever order they finished."""
        return tuple(self.trajectories[index] for index in sorted(self.trajectories))

    def evidence(self) -> Evidence:
        """Return what a ranking may look at."""
        return Evidence(self.candidates, self.forms, self.checks, self.verdicts)

    async def decide(self, move: Move) -> Decision:
        """Record a decision under the next number; a resumed run finds its own again."""
        number = len(self.decisions) + 1
        issue = self.setting.issue.id
        plan = digest(*(f"{one.index} {one.strategy} {one.sampling}" for one in self.plan))
        made = Decision(number=number, action=move.action, reason=move.reason)

        async def make() -> Decision:
            return made

        decision = await self.setting.cells.steps.once(
            Key(f"{issue}/decision/{number:04}", digest(plan, move.action, move.reason)), Decision, make
        )
        self.decisions.append(decision)
        self.setting.events.emit("decision", f"{decision.action}: {decision.reason}", issue)
        return decision

    async def _carry_out(self, decision: Decision, group: TaskGroup) -> None:
        if decision.action == "start":
            group.start_soon(self._trajectory, self.plan[self._started])
            self._started += 1
        elif decision.action == "check":
            await self._gather()
            with anyio.CancelScope(deadline=self.deadline):
                await self._cross()
            self._checked = len(self.trajectories)

    async def _trajectory(self, assignment: Assignment) -> None:
        self.trajectories[assignment.index] = await self._made(assignment)
        self._finished.set()

    async def _made(self, assignment: Assignment) -> Trajectory:
        """Return a trajectory, recorded or made now; one that lacked budget or endpoint can go on later."""
        model = self.models[(assignment.index - 1) % len(self.models)]
        setting, steps = replace(self.setting, model=model), self.setting.cells.steps
        inputs = (
            *(message.content for message in setting.opening("")),
            setting.model.name,
            f"{assignment} {setting.turns} {setting.cells.limits} {setting.model.context_length} "
            f"{setting.model.tools}",
            templates_digest(),
            setting.cells.environment.digest,
        )
        key = Key(f"{setting.issue.id}/trajectory/{assignment.index:02}", digest(*inputs))
        found = steps.recorded(key, Trajectory)
        if found is not None:
            setting.events.emit("trajectory", found.outcome, key.path)
            return found
        made = await run(setting, assignment)

        async def keep() -> Trajectory:
            return made

        return await steps.once(key, Trajectory, keep) if made.outcome in _LASTING else made

    async def _gather(self) -> None:
        made, trees = self.trajectory_list(), self.setting.trees
        self.candidates = candidates_of(made, trees.base)
        self.forms = {one.id: normal_form(await trees.changes(one.id)) for one in self.candidates}
        self.checks = tuple(one.check for one in made if one.check is not None)
        for one in self.candidates:
            self.setting.events.emit("candidate", f"{one.id[:8]} by {len(one.authors)}", one.id)

    async def _cross(self) -> None:
        found: list[Verdict] = []
        try:
            await fill(self.setting.cells, self.candidates, self.checks, found.append, self.record_all)
        finally:
            self.verdicts = tuple(sorted(found, key=lambda one: (one.check, one.candidate, one.repeat)))
        checks, verdicts = await self.neighbours.verdicts(self.candidates)
        self.checks += checks
        self.verdicts += verdicts


def candidates_of(trajectories: Sequence[Trajectory], base: str) -> tuple[Candidate, ...]:
    """Return the distinct trees that change more than tests, in the order of their ids."""
    authors: dict[str, list[int]] = {}
    patches: dict[str, str] = {}
    for one in trajectories:
        if one.tree != base and one.patch and not only_tests(touched(one.patch)):
            authors.setdefault(one.tree, []).append(one.index)
            patches[one.tree] = one.patch
    return tuple(
        Candidate(id=tree, patch=patches[tree], authors=tuple(sorted(authors[tree])))
        for tree in sorted(authors)
    )
