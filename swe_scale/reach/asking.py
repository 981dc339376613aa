"""Asks of many checks and candidates whether the ones execute what the others change."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.to_thread

from swe_scale.reach.comparing import Change, change_of, reach
from swe_scale.reach.tracing import LOST, Lines
from swe_scale.records import Candidate, Check, LinesExecuted, Reach

Reaches = Mapping[tuple[str, str], Reach]
"""By check and candidate."""


@dataclass(slots=True)
class Reaching:
    """What was found out so far on one issue; nothing is asked twice, unless a sandbox failed."""

    lines: Lines
    _executed: dict[str, LinesExecuted] = field(default_factory=dict)
    _changes: dict[str, Change] = field(default_factory=dict)

    async def ask(
        self, checks: Iterable[Check], candidates: Sequence[Candidate], hanging: Collection[str] = ()
    ) -> Reaches:
        """Return what is known of these, with each written check traced that wasn't.

        Args:
            checks: the repository's own tests among them are left out.
            candidates: with their trees in the repository.
            hanging: ids of checks that ran out of time untraced: they aren't tried.

        Raises:
            SandboxError: the backend no longer works at all.
            RepositoryError: a candidate's tree isn't in the repository.
        """
        written = {one.id: one for one in checks if one.kind != "regression"}
        self._executed = {name: one for name, one in self._executed.items() if one != LOST}
        for name in hanging:
            self._executed.setdefault(name, LinesExecuted(why="the time was over"))
        async with anyio.create_task_group() as group:
            for check in written.values():
                if check.id not in self._executed and candidates:
                    group.start_soon(self._trace, check)
        for one in candidates:
            if one.id not in self._changes:
                self._changes[one.id] = await self._change(one.id)
        return {
            (check, one.id): reach(self._executed[check], self._changes[one.id])
            for check in written
            for one in candidates
        }

    async def _trace(self, check: Check) -> None:
        self._executed[check.id] = await self.lines.of(check)

    async def _change(self, tree: str) -> Change:
        trees = self.lines.cells.trees
        changes = await trees.changes(tree)
        base = await trees.files(trees.base, changes)
        # Long differences of equal lines take seconds.
        return await anyio.to_thread.run_sync(change_of, changes, base)
