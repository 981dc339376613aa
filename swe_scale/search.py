"""The loop that carries out a policy's decisions, each of them a durable step."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from swe_scale.decided import Decided, Made
from swe_scale.judging import Judging
from swe_scale.models import Model
from swe_scale.notes import Earlier, best, noted
from swe_scale.planning import Planner
from swe_scale.policy import Move, Policy, Progress
from swe_scale.prompts import render, templates_digest
from swe_scale.ranking import Evidence, Rule, rank
from swe_scale.records import Beginning, Decision, Trajectory, Usage, digest
from swe_scale.store import Key
from swe_scale.trajectory import LATE, Assignment, Setting, taken_by
from swe_scale.trajectory.making import make as make_trajectory

_LASTING = ("done", "turns", "malformed", "context")
"""Ends that going on wouldn't change."""
_FIRST_ROUND = 0.5
"""Share of the trajectories' time for those that others wait for, where there are such."""


@dataclass(slots=True)
class Search:
    """The search for one issue: what was started, what came of it, what was decided."""

    setting: Setting
    models: Mapping[str, Sequence[Model]]
    """By stage, and by `strategies.NAME` those that are a strategy's own."""
    policy: Policy
    plan: Sequence[Assignment]
    judging: Judging
    deadline: float
    """When everything ends, on the event loop's clock; what is there by then is judged."""
    planner: Planner | None = None
    """Of the trajectories that begin with a plan. None: they begin without."""
    note_tokens: int = 4000
    """Estimated tokens that notes of earlier trajectories may have."""
    rule: Rule = rank
    """By which the earlier trajectories are ranked that a later one learns from."""
    method: str = ""
    """Names of policy and rule: decisions by others aren't repeated."""
    trajectories: dict[int, Trajectory] = field(default_factory=dict)
    _started: int = 0
    _judged: tuple[int, ...] = ()
    _decided: Decided | None = None
    _first_end: float = math.inf
    _finished: anyio.Event = field(default_factory=anyio.Event)

    def __post_init__(self) -> None:
        """Put those that wait for the others behind them."""
        self.plan = sorted(self.plan, key=lambda one: one.start in LATE)

    async def run(self) -> None:
        """Ask the policy, carry out, until it stops.

        Raises:
            EndpointRefused: an endpoint answers nothing at all.
            SandboxError: the backend no longer works at all.
            StoreError: the record can't be written.
        """
        now, end = anyio.current_time(), self.setting.deadline
        self._first_end = now + (end - now) * _FIRST_ROUND if self._late else end
        async with anyio.create_task_group() as group:
            while True:
                decision = await self._next()
                if decision is None:
                    await self._another_end()
                elif decision.action == "stop":
                    group.cancel_scope.cancel()
                    return
                else:
                    await self._carry_out(decision, group)

    @property
    def _late(self) -> list[Assignment]:
        return [one for one in self.plan if one.start in LATE]

    def _progress(self) -> Progress:
        late = self._late
        return Progress(
            planned=len(self.plan) - len(late),
            started=self._started,
            finished=len(self.trajectories),
            checked=len(self._judged),
            late=tuple(one.start for one in late),
            candidates=len(self.judging.candidates),
            evidence=self.evidence() if self._judged else None,
            spent=self.setting.ledger.spent,
        )

    async def _another_end(self) -> None:
        """Wait until another trajectory has finished."""
        await self._finished.wait()
        self._finished = anyio.Event()

    def trajectory_list(self) -> tuple[Trajectory, ...]:
        """Return the trajectories by index, in whatever order they finished."""
        return tuple(self.trajectories[index] for index in sorted(self.trajectories))

    def evidence(self) -> Evidence:
        """Return what a ranking may look at."""
        return self.judging.evidence

    async def decide(self, move: Move) -> Decision:
        """Record a decision that follows the search, under the next number; a resumed run finds it again."""
        return await self._history().conclude(move)

    def _history(self) -> Decided:
        """Return the decisions; what they depend on is known once the search has its plan."""
        if self._decided is None:
            plan = (f"{one.index} {one.strategy} {one.sampling}" for one in self.plan)
            setting = self.setting
            self._decided = Decided(
                setting.issue.id, setting.cells.steps, setting.events, digest(self.method, *plan)
            )
        return self._decided

    @property
    def decisions(self) -> list[Decision]:
        """What was decided so far."""
        return self._history().decisions

    async def _repeated(self) -> Made | None:
        """Return an earlier process's next decision, if those on which it was made ended as they had."""
        history = self._history()
        known = history.recorded()
        if known is None:
            return None
        finished = {*known.decision.finished}
        if not finished <= {one.index for one in self.plan[: self._started]}:
            return None
        while not finished <= self.trajectories.keys():
            await self._another_end()
        return known if history.holds(known, self.trajectories) else None

    async def _next(self) -> Decision | None:
        """Return the next decision, repeated or made now; None to wait until a trajectory has finished."""
        history = self._history()
        if (known := await self._repeated()) is not None:
            return history.repeat(known)
        move = self.policy.next(self._progress())
        if move is None:
            return None
        starts = move.action not in ("check", "stop")
        left_out = self._started < len(self.plan) or len(self.trajectories) < self._started
        if move.action == "stop" and not left_out:
            # That there is nothing left to do needs no record.
            return Decision(number=0, action="stop", reason=move.reason)
        finished = self._judged if starts else self.trajectories
        index = self.plan[self._started].index if starts else None
        return await history.take(move, finished, self.trajectories, index)

    async def _carry_out(self, decision: Decision, group: TaskGroup) -> None:
        those = tuple(self.trajectories[index] for index in decision.finished)
        if decision.action == "check":
            await self.judging.judge(those, self.deadline)
            self._judged = decision.finished
            return
        assignment = self.plan[self._started]
        if decision.action in ("refine", "fork"):
            assignment = await self._late_one(decision, those, assignment)
        group.start_soon(self._trajectory, assignment)
        self._started += 1

    async def _late_one(
        self, decision: Decision, those: Sequence[Trajectory], assignment: Assignment
    ) -> Assignment:
        """Find what a trajectory begins with that waited for others; resumed, it is the same again."""
        seen = digest(self._history().seen[-1], str(self.note_tokens), templates_digest())

        async def make() -> Beginning:
            evidence = self.evidence()
            earlier = Earlier(evidence, self.rule(evidence), those)
            return (best if decision.action == "fork" else noted)(earlier, self.note_tokens)

        path = f"{self.setting.issue.id}/decision/{decision.number:04}/beginning"
        key = Key(path, digest(decision.action, seen))
        begun = await self.setting.cells.steps.once(key, Beginning, make)
        told = _told(assignment, begun.told, begun.told)
        return replace(told, tree=begun.tree, check=begun.check, shown=begun.shown)

    async def _trajectory(self, assignment: Assignment) -> None:
        late = assignment.start in LATE
        setting = replace(self.setting, deadline=self.setting.deadline if late else self._first_end)
        if assignment.start == "plan" and self.planner is not None:
            assignment = await self._planned(self.planner, assignment, setting.deadline)
        self.trajectories[assignment.index] = await self._made(setting, assignment)
        self._finished.set()

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
        return _told(assignment, plan, render("plan_given", plan=plan)) if plan else assignment

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
        )
        key = Key(f"{setting.issue.id}/trajectory/{assignment.index:02}", digest(*inputs))
        found = steps.recorded(key, Trajectory)
        if found is not None:
            setting.events.emit("trajectory", found.outcome, key.path)
            return found
        setting.events.emit("trajectory", "started", key.path)
        ended = await make_trajectory(setting, assignment)
        made = ended.model_copy(update={"began": assignment.tree or "", "shown": assignment.shown})

        async def keep() -> Trajectory:
            return made

        return await steps.once(key, Trajectory, keep) if made.outcome in _LASTING else made


def _told(assignment: Assignment, plan: str, guidance: str) -> Assignment:
    """Return the assignment with what it is given: for the record, and for the model behind the variant."""
    parts = filter(None, (assignment.guidance, guidance))
    return replace(assignment, plan=plan, guidance="\n\n".join(parts))
