"""Runs a check on a tree, each time in a fresh sandbox, and reads what it says."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath

import anyio

from swe_scale.checks.cache import VerdictCache
from swe_scale.checks.controls import exiting, name_of, starts_processes
from swe_scale.checks.languages import spoken
from swe_scale.checks.launching import JUDGE, RESOLVED, UNRESOLVED, execute, judge, way
from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.flags import BLIND, FORGED
from swe_scale.profiles import counted
from swe_scale.records import BASE, Changes, Check, Environment, Execution, Verdict, digest
from swe_scale.retry import retrying
from swe_scale.sandbox import Template
from swe_scale.sandbox.services import on_base
from swe_scale.store import Key, Steps
from swe_scale.trees import Trees

__all__ = ["JUDGE", "RESOLVED", "UNRESOLVED", "Cells", "execute", "judge", "spoken"]

_TRIES = 4
_BOXES = 8


@dataclass(slots=True)
class Cells:
    """Gives the verdict of any check on any tree of one issue, run at most once.

    A pass of a candidate is believed after two control experiments. The first of its passing checks is run
    again, made to say 42 at its own end (`forged` if it passes all the same: then all its passes are
    `error`). And a check that may start processes is run on the base, with the code that the candidate
    changes made to exit with 0 (`blind` if it passes there).
    """

    issue: str
    environment: Environment
    template: Template
    steps: Steps
    cache: VerdictCache
    events: Events
    limits: Limits
    slots: anyio.CapacityLimiter
    """How many sandboxes may be open at a time, over all issues."""
    trees: Trees
    boxes: anyio.CapacityLimiter = field(init=False)
    """How many sandboxes the issue's agents may keep between their commands; whoever waits has no slot."""

    def __post_init__(self) -> None:
        """Let agents keep some sandboxes for each that can run at a time: most of them wait for a model."""
        self.boxes = anyio.CapacityLimiter(max(_BOXES, 4 * self.slots.total_tokens))

    async def verdict(self, check: Check, candidate: str, repeat: int = 0) -> Verdict:
        """Return the verdict of one cell: recorded, kept from an earlier run, or run now.

        Raises:
            SandboxError: the backend no longer works at all.
        """
        # A verdict depends on how it was come by, too: another version's launcher may judge otherwise.
        key = self._key("cell", candidate, check.id, repeat)
        try:
            return await self.steps.once(key, Verdict, lambda: self._find(key, check, candidate, repeat))
        except SandboxError as error:
            if not await self.alive():
                raise
            self.events.emit("note", f"a sandbox failed: {error}", key.path)
            ran = Execution(exit_code=None, output=str(error))
            return Verdict(candidate=candidate, check=check.id, repeat=repeat, outcome="infra", execution=ran)

    async def _find(self, key: Key, check: Check, candidate: str, repeat: int) -> Verdict:
        # The candidate's id is its tree, and the environment's digest covers the untouched one.
        kept = self.cache.get(f"{candidate}/{check.id}/{repeat}/{key.digest}")
        if kept is not None:
            return kept
        changes = await self.trees.changes(candidate)
        verdict = await self._run(check, candidate, changes, repeat)
        if verdict.outcome == "pass" and candidate != BASE:
            verdict = await self._controlled(check, verdict, changes)
        self.cache.put(f"{candidate}/{check.id}/{repeat}/{key.digest}", verdict)
        said = ", ".join((verdict.outcome, *verdict.flags))
        self.events.emit("verdict", f"{check.id[:8]} on {candidate[:8]}: {said}", key.path)
        return verdict

    async def _controlled(self, check: Check, verdict: Verdict, changes: Changes) -> Verdict:
        twin = await self.steps.once(
            self._key("control", verdict.candidate),
            Verdict,
            lambda: self._run(check, verdict.candidate, changes, resolved=UNRESOLVED),
        )
        flag = FORGED if twin.outcome == "pass" else BLIND if await self._blind(check, changes) else ""
        if not flag:
            return verdict
        return verdict.model_copy(update={"outcome": "error", "flags": (*verdict.flags, flag)})

    async def _blind(self, check: Check, changes: Changes) -> bool:
        if not starts_processes(check):
            return False
        ended = exiting(changes, await self.trees.files(self.trees.base, changes))
        if not ended:
            return False
        name = name_of(ended)
        ran = await self.steps.once(
            self._key("control", name, check.id), Verdict, lambda: self._run(check, name, ended)
        )
        return ran.outcome == "pass"

    def _key(self, kind: str, *parts: object) -> Key:
        return Key(
            "/".join((self.issue, kind, *map(str, parts))),
            digest(self.environment.digest, self.limits.model_dump_json(), way()),
        )

    async def _run(
        self, check: Check, candidate: str, changes: Changes, repeat: int = 0, resolved: int = RESOLVED
    ) -> Verdict:
        left = counted(check, changes, await self.trees.paths(), self._places())
        # A container service that is being restarted is back within seconds.
        found: tuple[Execution, bool] = await retrying(_TRIES, SandboxError)(
            self._ran, check, left.changes, resolved
        )
        ran, vouched = found
        outcome, flags = judge(check, ran, vouched)
        return Verdict(
            candidate=candidate,
            check=check.id,
            repeat=repeat,
            outcome=outcome,
            flags=(*left.flags, *flags),
            execution=ran,
        )

    async def _ran(self, check: Check, changes: Changes, resolved: int) -> tuple[Execution, bool]:
        async with self.slots, self.template.fork(self.limits) as sandbox:
            await sandbox.write(sandbox.workdir, changes)
            return await execute(sandbox if changes else on_base(sandbox), check, self.limits, resolved)

    def _places(self) -> list[str]:
        """Return the folders of the work tree in which programs are searched."""
        root = PurePosixPath(self.environment.workdir)
        places = (root / place for place in self.environment.variables.get("PATH", "").split(":"))
        return [str(place.relative_to(root)) for place in places if place.is_relative_to(root)]

    async def alive(self) -> bool:
        """Return whether a fresh sandbox still runs a command."""
        try:
            async with self.slots, self.template.fork(self.limits) as sandbox:
                return (await sandbox.run(("true",), limits=self.limits)).exit_code == 0
        except SandboxError:
            return False
