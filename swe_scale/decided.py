"""The numbered decisions on one issue: a resumed run repeats its own, as long as they still hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from swe_scale.events import Events
from swe_scale.policy import Move
from swe_scale.records import Decision, Trajectory, digest
from swe_scale.store import Key, Steps, dumped


@dataclass(slots=True)
class Decided:
    """What was decided so far, each a durable step that depends on all those before it."""

    issue: str
    steps: Steps
    events: Events
    given: str
    """Digest of what all decisions depend on: the trajectories that are planned, policy and rule."""
    decisions: list[Decision] = field(default_factory=list)

    def recorded(self) -> Decision | None:
        """Return the next decision as an earlier process made it; whether it still holds is `holds` to say.

        Raises:
            StoreError: the record is damaged.
        """
        return self.steps.recorded(self._key(), Decision)

    def holds(self, decision: Decision, trajectories: Mapping[int, Trajectory]) -> bool:
        """Return whether the trajectories on which it was made have ended as they had then."""
        return decision.seen == _seen(decision.finished, trajectories)

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
        made = Decision(
            number=len(self.decisions) + 1, action=move.action, reason=move.reason, trajectory=trajectory,
            finished=indices, seen=_seen(indices, trajectories),
        )  # fmt: skip
        await self.steps.store.put(self._key(), dumped(made, Decision))
        return self.repeat(made)

    def repeat(self, decision: Decision) -> Decision:
        """Take over a decision that is on record."""
        self.decisions.append(decision)
        self.events.emit("decision", f"{decision.action}: {decision.reason}", self.issue)
        return decision

    async def conclude(self, move: Move) -> Decision:
        """Record a decision that follows the search, under the next number; a resumed run finds it again.

        Raises:
            StoreError: it can't be written.
        """
        number = len(self.decisions) + 1
        made = Decision(number=number, action=move.action, reason=move.reason)

        async def make() -> Decision:
            return made

        key = Key(f"{self.issue}/decision/{number:04}", digest(self.given, move.action, move.reason))
        return self.repeat(await self.steps.once(key, Decision, make))

    def _key(self) -> Key:
        before = (f"{one.action} {one.reason} {one.trajectory} {one.seen}" for one in self.decisions)
        return Key(
            f"{self.issue}/decision/{len(self.decisions) + 1:04}", digest(self.given, "search", *before)
        )


def _seen(finished: Iterable[int], trajectories: Mapping[int, Trajectory]) -> str:
    ends = [trajectories[index] for index in finished]
    told = (f"{one.index} {one.tree} {one.outcome} {one.check and one.check.id}" for one in ends)
    return digest(*told) if ends else ""
