"""Has a trajectory made, or takes it from the record: with its plan, by its model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import anyio

from swe_scale.models import Model
from swe_scale.planning import Planner
from swe_scale.prompts import render, templates_digest
from swe_scale.records import Beginning, Trajectory, Usage, digest
from swe_scale.store import Key
from swe_scale.trajectory import Assignment, Leash, Setting, taken_by
from swe_scale.trajectory.making import make

_LASTING = ("done", "turns", "malformed", "context")
"""Ends that going on wouldn't change."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes the trajectories of an issue."""

    setting: Setting
    models: Mapping[str, Sequence[Model]]
    """By stage, and by `strategies.NAME` those that are a strategy's own."""
    planner: Planner | None = None
    """Of the trajectories that begin with a plan. None: they begin without."""

    async def make(self, assignment: Assignment, deadline: float, leash: Leash | None = None) -> Trajectory:
        """Return a trajectory; what was made before isn't made again.

        Args:
            assignment: what it is given.
            deadline: when it ends with what it has, on the event loop's clock.
            leash: by which it can be ended before. None: it can't.

        Raises:
            EndpointRefused: the endpoint answers nothing at all.
            SandboxError: the backend no longer works at all.
            StoreError: the record can't be written.
        """
        setting = replace(self.setting, deadline=deadline, leash=leash or Leash())
        if assignment.start == "plan" and self.planner is not None:
            assignment = await self._planned(self.planner, assignment, deadline)
        return await self._made(setting, assignment)

    async def _planned(self, planner: Planner, assignment: Assignment, deadline: float) -> Assignment:
        """Give a trajectory its plan, if there is one; resumed, one that has begun has the same again."""
        path, steps = f"{self.setting.issue.id}/trajectory/{assignment.index:02}", self.setting.cells.steps
        key = Key(f"{path}/beginning", planner.key.digest)
        begun = steps.recorded(key, Beginning)
        # One that had no plan and has cost nothing yet may have one by now.
        if begun is None or not (begun.told or self._paid_for(path)):
            begun = Beginning()
            with anyio.CancelScope(deadline=deadline):
                begun = Beginning(told=await planner.plan_for(assignment))
            await steps.store.put(key, begun.model_dump(mode="json"))
        plan = begun.told
        return told(assignment, plan, render("plan_given", plan=plan)) if plan else assignment

    def _paid_for(self, path: str) -> bool:
        """Return whether a call of a trajectory has cost something, in whatever process."""
        entries = self.setting.cells.steps.store.entries(self.setting.issue.id)
        return any(
            one.settled and one.usage != Usage() and one.path.startswith(f"{path}/") for one in entries
        )

    async def _made(self, setting: Setting, assignment: Assignment) -> Trajectory:
        """Return a trajectory, recorded or made now; one that lacked budget or endpoint can go on later."""
        model = taken_by(assignment, self.models)
        turns = assignment.turns or setting.turns
        setting = replace(setting, model=model, turns=turns)
        steps = setting.cells.steps
        inputs = (
            *(message.content for message in setting.opening("")),
            setting.model.name,
            f"{assignment} {setting.turns} {setting.cells.limits} {setting.model.context_length} "
            f"{setting.model.tools} {setting.backtrack}",
            templates_digest(),
            setting.cells.environment.digest,
            *([] if assignment.pause is None else [f"set aside after {assignment.pause}"]),
        )
        key = Key(f"{setting.issue.id}/trajectory/{assignment.index:02}", digest(*inputs))
        found = steps.recorded(key, Trajectory)
        if found is not None:
            setting.events.emit("trajectory", found.outcome, key.path)
            return found
        setting.events.emit("trajectory", "started", key.path)
        ended = await make(setting, assignment)
        made = ended.model_copy(update={"began": assignment.tree or "", "shown": assignment.shown})

        async def keep() -> Trajectory:
            return made

        return await steps.once(key, Trajectory, keep) if made.outcome in _LASTING else made


def told(assignment: Assignment, plan: str, guidance: str) -> Assignment:
    """Return the assignment with what it is given: for the record, and for the model behind the variant."""
    parts = filter(None, (assignment.guidance, guidance))
    return replace(assignment, plan=plan, guidance="\n\n".join(parts))
