"""The loop that carries out a policy's decisions, each of them a durable step."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from swe_scale.agenda import Agenda
from swe_scale.decided import Decided, Made
from swe_scale.judging import Judging
from swe_scale.making import Maker, told
from swe_scale.models import Model
from swe_scale.notes import Earlier, best, noted
from swe_scale.planning import Planner
from swe_scale.policy import Move, Policy, Progress
from swe_scale.prompts import templates_digest
from swe_scale.ranking import Evidence, Rule, rank
from swe_scale.records import Beginning, Decision, Trajectory, Usage, digest
from swe_scale.store import Key
from swe_scale.trajectory import LATE, SET_ASIDE, Assignment, Setting, taken_by
from swe_scale.underway import UnderWay

_PARTING = 10.0
"""Seconds in which trajectories that aren't waited for say what they have."""
_FIRST_ROUND = 0.5
"""Share of the trajectories' time for those that others wait for, where there are such."""


@dataclass(slots=True)
class Search:
    """The search for one issue: what was started, what came of it, what was decided."""

    setting: Setting
    models: Mapping[str, Sequence[Model]]
    """By stage, and by `strategies.NAME` those that are a strategy's own."""
    policy: Policy
    agenda: Agenda
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
    look: float = math.inf
    """Seconds after which the policy is asked again, though nothing has finished."""
    trajectories: dict[int, Trajectory] = field(default_factory=dict)
    _under_way: UnderWay = field(default_factory=UnderWay)
    _aside: dict[int, Assignment] = field(default_factory=dict)
    """Those that were to be set aside after some turns, by index."""
    _before: dict[int, Trajectory] = field(default_factory=dict)
    """As they were when they were set aside."""
    _judged: tuple[int, ...] = ()
    _decided: Decided | None = None
    _first_end: float = math.inf
    _finished: anyio.Event = field(default_factory=anyio.Event)

    async def run(self) -> None:
        """Ask the policy, carry out, until it stops.

        Raises:
            EndpointRefused: an endpoint answers nothing at all.
            SandboxError: the backend no longer works at all.
            StoreError: the record can't be written.
        """
        now, end = anyio.current_time(), self.setting.deadline
        self._first_end = now + (end - now) * _FIRST_ROUND if self.agenda.late else end
        async with anyio.create_task_group() as group:
            while True:
                decision = await self._next()
                if decision is None:
                    await self._another_end()
                elif decision.action == "stop":
                    await self._part(decision.reason)
                    group.cancel_scope.cancel()
                    return
                else:
                    await self._carry_out(decision, group)

    def _progress(self) -> Progress:
        agenda = self.agenda
        late = agenda.late
        return Progress(
            planned=len(agenda.plan) - len(late),
            started=agenda.started,
            finished=len(self.trajectories),
            checked=len(self._judged),
            late=tuple(one.start for one in late),
            candidates=len(self.judging.candidates),
            evidence=self.evidence() if self._judged else None,
            spent=self.setting.ledger.spent,
            turns=self.setting.turns,
            aside=self._set_aside(),
            had={index: self._had(index) for index in self._judged},
            begun=agenda.begun,
            seconds=self._under_way.seconds,
            waited=self._under_way.waited,
            plan=agenda.planned,
        )

    def _set_aside(self) -> dict[int, int]:
        """Return the replies of the judged ones that can go on, by index, on the scale of the setting."""
        aside = (index for index in self._judged if self.trajectories[index].error.startswith(SET_ASIDE))
        return {index: self._had(index) for index in sorted(aside)}

    def _had(self, index: int) -> int:
        """Return the replies of a trajectory, on the scale of the setting."""
        return self.agenda.on_scale(index, len(self.trajectories[index].turns))

    async def _part(self, why: str) -> None:
        """Have those end that are under way: what they have goes on record."""
        self._under_way.end(why)
        with anyio.move_on_after(_PARTING):
            while self._under_way.left:
                await self._another_end()
        for index in self._under_way.left:
            one = self.agenda.of(index)
            self.trajectories[index] = self._before.get(index) or Trajectory(
                index=index, strategy=one.strategy, model=taken_by(one, self.models).name,
                sampling=one.sampling, turns=(), tree=self.setting.trees.base, patch="", check=None,
                outcome="cancelled", error=why, usage=Usage(),
            )  # fmt: skip

    async def _another_end(self) -> None:
        """Wait until another trajectory has finished, or it is time to look again."""
        with anyio.move_on_after(self.look):
            await self._finished.wait()
            self._finished = anyio.Event()

    def trajectory_list(self) -> tuple[Trajectory, ...]:
        """Return the trajectories by index, in whatever order they finished; one that goes on as it was."""
        known = self._before | self.trajectories
        return tuple(known[index] for index in sorted(known))

    def evidence(self) -> Evidence:
        """Return what a ranking may look at."""
        return self.judging.evidence

    async def decide(self, move: Move) -> Decision:
        """Record a decision beside those of the policy; a resumed run finds it again."""
        return await self._history().conclude(move)

    def _history(self) -> Decided:
        """Return the decisions; what they depend on is known once the search has its plan."""
        if self._decided is None:
            plan = (f"{one.index} {one.strategy} {one.sampling}" for one in self.agenda.plan)
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
        if not finished <= {*self.agenda.begun}:
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
        begins = starts and move.action != "extend"
        under_way = len(self.trajectories) < self.agenda.started
        left_out = self.agenda.started < len(self.agenda.plan) or under_way or self._set_aside()
        if move.action == "stop" and not left_out:
            # That there is nothing left to do needs no record.
            return Decision(number=0, action="stop", reason=move.reason)
        finished = self._judged if starts else self.trajectories
        index = self.agenda.chosen(move) if begins else move.trajectory
        return await history.take(move, finished, self.trajectories, index)

    async def _carry_out(self, decision: Decision, group: TaskGroup) -> None:
        those = tuple(self.trajectories[index] for index in decision.finished)
        if decision.action == "check":
            # What goes on is judged as it was: neither its patch nor its check is lost meanwhile.
            as_before = (one for index, one in self._before.items() if index not in decision.finished)
            await self.judging.judge(sorted((*those, *as_before), key=lambda one: one.index), self.deadline)
            self._judged = decision.finished
            return
        if decision.action == "extend":
            assignment = self._taken_up(decision)
        else:
            assignment = self.agenda.begin(decision.trajectory or 0)
            if decision.action in ("refine", "fork"):
                assignment = await self._late_one(decision, those, assignment)
        if decision.turns is not None:
            self._aside[assignment.index] = assignment
            pause = self.agenda.of_scale(assignment.index, decision.turns)
            assignment = replace(assignment, pause=pause)
        self._under_way.begin(assignment.index)
        group.start_soon(self._trajectory, assignment)

    def _taken_up(self, decision: Decision) -> Assignment:
        """Return the assignment of a trajectory that was set aside: it counts as unfinished again."""
        index = decision.trajectory or 0
        self._before[index] = self.trajectories.pop(index)
        self._judged = tuple(one for one in self._judged if one != index)
        return self._aside.pop(index)

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
        begins = told(assignment, begun.told, begun.told)
        return replace(begins, tree=begun.tree, check=begun.check, shown=begun.shown)

    async def _trajectory(self, assignment: Assignment) -> None:
        first = assignment.start not in LATE and self.agenda.behind
        deadline = self._first_end if first else self.setting.deadline
        maker = Maker(self.setting, self.models, self.planner)
        index = assignment.index
        made = await maker.make(assignment, deadline, self._under_way.leash(index))
        self._under_way.finish(made)
        # One that went on and wasn't waited for is what it was when it was judged.
        self.trajectories[index] = self._before.get(index, made) if made.outcome == "cancelled" else made
        self._finished.set()
