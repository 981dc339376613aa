"""The hardened verdict: the same hidden tests, run so that a patch can't easily bend what is said of it."""

from dataclasses import dataclass, field

import anyio

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Limits
from swe_scale.errors import PatchError, SandboxError
from swe_scale.flags import STEERING, UNWATCHED
from swe_scale.grades import Judged
from swe_scale.patch import check_link, touched
from swe_scale.profiles import counted_by_runner, profiles
from swe_scale.records import Changes, File, digest
from swe_scale.retry import retrying
from swe_scale.sandbox import Template
from swe_scale.swebench.evaluation import parts_of
from swe_scale.swebench.instance import Gold
from swe_scale.swebench.measured import Reference, judged, reference_of
from swe_scale.swebench.place import Place
from swe_scale.swebench.running import Ran, apply_patch, run_official
from swe_scale.swebench.staged import Hidden, Manner, Staged, run_staged

_JUDGE = "2"
"""Version of how these verdicts are come by."""
_BUILDS = frozenset({"setup.py"})
"""Run before the tests, so that they could plant anything; set aside like what steers a runner."""
_MANNERS = (Manner(), Manner(report=False), Manner(sentinel=False, report=False))


def way() -> str:
    """Return a digest of how hardened verdicts are come by; another one lets no earlier grade count."""
    return digest(_JUDGE, *(profile.model_dump_json() for profile in profiles()))


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a guarded run says."""

    judged: Judged
    seconds: float
    """Of its tests."""


@dataclass(slots=True)
class Hardening:
    """Gives the hardened verdicts on the patches of one row."""

    template: Template
    gold: Gold
    place: Place
    limits: Limits
    cache: VerdictCache
    slots: anyio.CapacityLimiter
    key: str
    """Of the row, its environment and the rules."""
    retries: int
    _lock: anyio.Lock = field(default_factory=anyio.Lock)
    _hidden: Hidden | None = None
    _reference: Reference | None = None

    async def judge(self, patch: str) -> Guarded:
        """Return the verdict on a patch that the official rules found to resolve the issue.

        Raises:
            SandboxError: the machine failed, or a limit of ours was hit.
            UsageError: as `read_log`.
        """
        hidden, reference = await self._measure()
        changes, flags = await self._counted(patch, hidden.base)
        if not reference.usable:
            return await self._unwatched(changes, (*flags, UNWATCHED))
        staged = await self._run(hidden, changes, reference.manner)
        if not reference.sentinel:
            flags = (*flags, UNWATCHED)
        return Guarded(judged(staged, reference, flags), staged.execution.seconds)

    async def _unwatched(self, changes: Changes, flags: tuple[str, ...]) -> Guarded:
        """Return the official verdict on what counts of a patch: more can't be done for this row."""

        async def once() -> Ran:
            async with self.slots:
                return await run_official(self.template, self.gold, changes, self.limits)

        ran: Ran = await retrying(self.retries, SandboxError)(once)
        if ran.reading is None:
            unread = Judged(ruling="unresolved", reason=ran.reason, guards=flags)
            return Guarded(unread, ran.seconds)
        return Guarded(ran.reading.judged.model_copy(update={"guards": flags}), ran.seconds)

    async def _measure(self) -> tuple[Hidden, Reference]:
        async with self._lock:
            if self._hidden is None:
                self._hidden = await self._prepared()
            if self._reference is None:
                self._reference = await self._measured(self._hidden)
            return self._hidden, self._reference

    async def _prepared(self) -> Hidden:
        repository, tree = self.place.repository, self.place.tree
        base = frozenset(entry.path for entry in await repository.files(tree))
        try:
            tested = await repository.apply(tree, self.gold.test_patch)
            files: Changes = await repository.changes(tree, tested)
        except PatchError:
            files = {}
        return Hidden(self.gold, parts_of(self.gold, self.place.environment.workdir), files, base)

    async def _measured(self, hidden: Hidden) -> Reference:
        key = f"reference/{self.key}"
        if (known := self.cache.recall(key, Reference)) is not None:
            return known
        reference = Reference()
        changes, _ = await self._counted(self.gold.patch, hidden.base)
        for manner in _MANNERS if hidden.parts.tests else ():
            reference = reference_of(await self._run(hidden, changes, manner), self.gold)
            if reference.usable:
                break
        self.cache.keep(key, reference)
        return reference

    async def _run(self, hidden: Hidden, changes: Changes, manner: Manner) -> Staged:
        async def once() -> Staged:
            async with self.slots:
                return await run_staged(self.template, hidden, changes, self.limits, manner)

        staged: Staged = await retrying(self.retries, SandboxError)(once)
        return staged

    async def _counted(self, patch: str, base: frozenset[str]) -> tuple[Changes, tuple[str, ...]]:
        """Return what counts of a patch, and what kind of changes was left out."""
        changes: Changes = await retrying(self.retries, SandboxError)(self._changes, patch)
        # What the true patch changes, a right one may have to change, too.
        own = frozenset(touched(self.gold.patch))
        left = counted_by_runner({path: one for path, one in changes.items() if path not in own}, base)
        fit = {
            path: one
            for path, one in left.changes.items()
            if path not in _BUILDS and not _leads_out(path, one)
        }
        ours = {path: one for path, one in changes.items() if path in own and not _leads_out(path, one)}
        git = any(path.split("/")[0].lower() == ".git" for path in touched(patch))
        further = (
            git or len(fit) < len(left.changes) or any(path in own and path not in ours for path in changes)
        )
        return {**fit, **ours}, tuple(dict.fromkeys((*left.flags, *((STEERING,) if further else ()))))

    async def _changes(self, patch: str) -> Changes:
        async with self.slots, self.template.fork(self.limits) as sandbox:
            await apply_patch(sandbox, patch)
            return await sandbox.snapshot()


def _leads_out(path: str, file: File | None) -> bool:
    if file is None or file.mode != "120000":
        return False
    try:
        check_link(path, file.data)
    except PatchError:
        return True
    return False
