"""Grades all patches of one row: its environment is opened once, and each distinct patch runs once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import anyio

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Limits
from swe_scale.environment import Options
from swe_scale.errors import SandboxError, SweScaleError, unwrapped
from swe_scale.events import Events
from swe_scale.grades import UNASKED, Grade, Judged, patch_id
from swe_scale.records import digest
from swe_scale.retry import retrying
from swe_scale.sandbox import Backend
from swe_scale.swebench.hardened import Hardening, way
from swe_scale.swebench.instance import Gold, Instance
from swe_scale.swebench.official import parser_of, rules
from swe_scale.swebench.place import Place, asked_for, prepare_place, with_repository
from swe_scale.swebench.running import Killed, Ran, run_official

GRADING = "1"
"""Version of how grades are come by; another one lets no earlier grade count."""
EMPTY = "the patch is empty"
_PLAIN = Options()

Keep = Callable[[Grade], None]


@dataclass(frozen=True, slots=True)
class Grading:
    """How patches are graded."""

    limits: Limits
    options: Options = _PLAIN
    repos: Path | None = None
    """Folder that holds `owner/name` as `owner__name`; others are cloned from GitHub."""
    repeats: int = 1
    """Runs of the tests per patch, by which flaky ones are found."""
    retries: int = 2
    """Further tries where the machine failed."""
    force: bool = False
    """Whether what was graded before is graded again."""
    hardened: bool = True
    """Whether there is to be a hardened verdict beside the official one."""

    def rules_of(self, instance: Instance, backend: str) -> str:
        """Return the digest of what a row's patches are graded by, as far as it is known before they are.

        Raises:
            UsageError: the official rules aren't installed.
        """
        return digest(
            GRADING, rules(), way(), instance.gold.model_dump_json(), self.limits.model_dump_json(), backend,
            asked_for(instance.question, self.options),
        )  # fmt: skip


@dataclass(slots=True)
class Grader:
    """Grades patches in one kind of sandbox."""

    backend: Backend
    cache: VerdictCache
    events: Events
    slots: anyio.CapacityLimiter
    """How many sandboxes may be open at a time, over all rows."""
    grading: Grading

    async def grade(self, instance: Instance, patches: Mapping[str, str], keep: Keep) -> None:
        """Grade the patches of a row, keeping each grade when it is there.

        A fault of the machine is a grade, too: `infra`, which says nothing of the patch.

        Args:
            instance: the row.
            patches: texts by `patch_id`.
            keep: takes each grade.

        Raises:
            UsageError: the official rules aren't installed.
        """
        rules_here = self.grading.rules_of(instance, self.backend.name)
        row = _Row(self, instance, rules_here, keep)
        left = {name: text for name, text in patches.items() if text.strip()}
        if len(left) < len(patches):
            keep(
                row.grade_of(
                    "", Judged(ruling="unresolved", reason=EMPTY, failing=instance.gold.fail_to_pass)
                )
            )
        if not left:
            return
        try:
            with unwrapped():
                await self._grade(row, left)
        except SweScaleError as error:
            for name in left.keys() - row.kept:
                keep(row.lost(name, error))

    async def _grade(self, row: "_Row", patches: Mapping[str, str]) -> None:
        gold, grading = row.instance.gold, self.grading
        parser_of(gold)
        question = with_repository(row.instance.question, grading.repos)
        place: Place = await retrying(grading.retries, SandboxError)(
            prepare_place, question, grading.options, self.backend, self.events
        )
        key = digest(row.rules, place.environment.digest)
        wanted = {name: text for name, text in patches.items() if not self._recall(row, name, key)}
        if not wanted:
            return
        async with self.backend.open(place.environment) as template:
            hardening = Hardening(
                template, gold, place, grading.limits, self.cache, self.slots, key, grading.retries
            )
            async with anyio.create_task_group() as group:
                for name, text in wanted.items():
                    group.start_soon(self._one, row, hardening, name, text)

    def _recall(self, row: "_Row", name: str, key: str) -> bool:
        known = None if self.grading.force else self.cache.recall(f"grade/{key}/{name}", Grade)
        if known is None or known.runs < self.grading.repeats:
            return False
        row.take(known)
        return True

    async def _one(self, row: "_Row", hardening: Hardening, name: str, patch: str) -> None:
        try:
            grade = await self._graded(row, hardening, name, patch)
        except SweScaleError as error:
            grade = row.lost(name, error)
        except Exception as error:
            # A fault of ours in one patch must not cost the others.
            grade = row.lost(name, error)
        if "infra" not in (grade.official.ruling, grade.hardened.ruling):
            self.cache.keep(f"grade/{hardening.key}/{name}", grade)
        row.take(grade)
        said = grade.official.ruling + (f" / {grade.hardened.ruling}" if self.grading.hardened else "")
        self.events.emit("verdict", f"{name[:8]}: {said}", row.instance.gold.instance)

    async def _graded(self, row: "_Row", hardening: Hardening, name: str, patch: str) -> Grade:
        began = monotonic()
        ran = [await self._official(hardening, patch) for _ in range(self.grading.repeats)]
        first = ran[0]
        official = first.reading.judged if first.reading else _unread(first, row.instance.gold)
        hardened, tested = official, sum(one.seconds for one in ran)
        if official.ruling == "resolved" and not self.grading.hardened:
            hardened = Judged(ruling="infra", reason=UNASKED)
        elif official.ruling == "resolved":
            try:
                with unwrapped():
                    guarded = await hardening.judge(patch)
                hardened, tested = guarded.judged, tested + guarded.seconds
            except SweScaleError as error:
                hardened = Judged(ruling="infra", reason=str(error))
        return row.grade_of(name, official, hardened).model_copy(
            update={
                "flaky": _flaky(row.instance.gold, ran),
                "runs": len(ran),
                "seconds": round(monotonic() - began, 3),
                "test_seconds": round(tested, 3),
            }
        )

    async def _official(self, hardening: Hardening, patch: str) -> Ran:
        async def once() -> Ran:
            async with self.slots:
                return await run_official(hardening.template, hardening.gold, patch, hardening.limits)

        try:
            ran: Ran = await retrying(self.grading.retries, SandboxError)(once)
        except Killed as error:
            return Ran(None, str(error), 0.0)
        return ran


@dataclass(slots=True)
class _Row:
    """A row that is being graded."""

    grader: Grader
    instance: Instance
    rules: str
    keep: Keep
    kept: set[str] = field(default_factory=set)

    def take(self, grade: Grade) -> None:
        """Keep a grade."""
        self.kept.add(grade.patch)
        self.keep(grade)

    def grade_of(self, name: str, official: Judged, hardened: Judged | None = None) -> Grade:
        """Return a grade of a patch, or of the empty one."""
        gold = self.instance.gold
        return Grade(
            instance=gold.instance,
            patch=name or patch_id(""),
            rules=self.rules,
            official=official,
            hardened=hardened or official,
            difficulty=gold.difficulty,
            repo=gold.repo,
        )

    def lost(self, name: str, error: Exception) -> Grade:
        """Return the grade that says that nothing is known of a patch."""
        text = str(error) if isinstance(error, SweScaleError) else f"internal error: {error!r}"
        return self.grade_of(name, Judged(ruling="infra", reason=text))


def _unread(ran: Ran, gold: Gold) -> Judged:
    return Judged(ruling="unresolved", reason=ran.reason, failing=gold.fail_to_pass)


def _flaky(gold: Gold, ran: list[Ran]) -> tuple[str, ...]:
    """Return the hidden tests that didn't end alike in all runs."""
    said = [dict(one.reading.statuses) if one.reading else {} for one in ran]
    hidden = (*gold.fail_to_pass, *gold.pass_to_pass)
    return tuple(test for test in hidden if len({one.get(test) for one in said}) > 1)
