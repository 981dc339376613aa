"""The numbered decisions on one issue: a resumed run repeats its own, as long as they still hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from swe_scale.events import Events
from swe_scale.policy import Move
from swe_scale.records import Decision, Record, Trajectory, digest
from swe_scale.store import Key, Steps, dumped


class Made(Record):
    """A decision of the policy, as it is recorded."""

    decision: Decision
    seen: str
    """Digest of how the trajectories had ended on which it was made."""


@dataclass(slots=True)
class Decided:
    """What was decided so far, each a durable step that depends on all those before it."""

    issue: str
    steps: Steps
    events: Events
    given: str
    """Digest of what all decisions depend on: the trajectories that are planned, policy and rule."""
    decisions: list[Decision] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """On what each of them was made; see `Made`. Empty where the policy had no part in it."""

    def recorded(self) -> Made | None:
        """Return the next decision as an earlier process made it; whether it still holds is `holds` to say.

        Raises:
            StoreError: the record is damaged.
        """
        return self.steps.recorded(self._key(), Made)

    def holds(self, made: Made, trajectories: Mapping[int, Trajectory]) -> bool:
        """Return whether the trajectories on which it was made have ended as they had then."""
        return made.seen == _seen(made.decision.finished, trajectories)

    async def take(
        self,
        move: Move,
        finished: Iterable[int],
        trajectories: Mapping[int, Trajectory],
        trajectory: int | None = None,
    ) -> Decision:
        """Record a decision of the policy under the next number.

        Args:
            move: what is decided.
            finished: indices of the trajectories on which.
            trajectories: those that have finished, by index.
            trajectory: index of the one that it starts.

        Raises:
            StoreError: it can't be written.
        """
        indices = tuple(sorted(finished))
        decision = Decision(
            number=len(self.decisions) + 1, action=move.action, reason=move.reason, trajectory=trajectory,
            turns=move.turns, finished=indices,
        )  # fmt: skip
        made = Made(decision=decision, seen=_seen(indices, trajectories))
        await self.steps.store.put(self._key(), dumped(made, Made))
        return self.repeat(made)

    def repeat(self, made: Made) -> Decision:
        """Take over a decision that is on record."""
        self.seen.append(made.seen)
        return self._told(made.decision)

    def _told(self, decision: Decision) -> Decision:
        self.decisions.append(decision)
        self.events.emit("decision", f"{decision.action}: {decision.reason}", self.issue)
        return decision

    async def conclude(self, move: Move) -> Decision:
        """Record a decision beside those of the policy, under the next number; a resumed run finds it again.

        Raises:
            StoreError: it can't be written.
        """
        number = len(self.decisions) + 1
        made = Decision(number=number, action=move.action, reason=move.reason)

        async def make() -> Decision:
            return made

        key = Key(f"{self.issue}/decision/{number:04}", digest(self.given, move.action, move.reason))
        self.seen.append("")
        return self._told(await self.steps.once(key, Decision, make))

    def _key(self) -> Key:
        before = (
            f"{one.action} {one.reason} {one.trajectory} {seen}"
            for one, seen in zip(self.decisions, self.seen, strict=True)
        )
        return Key(
            f"{self.issue}/decision/{len(self.decisions) + 1:04}", digest(self.given, "search", *before)
        )


def _seen(finished: Iterable[int], trajectories: Mapping[int, Trajectory]) -> str:
    ends = [trajectories[index] for index in finished]
    told = (f"{one.index} {one.tree} {one.outcome} {one.check and one.check.id}" for one in ends)
    return digest(*told) if ends else ""
