"""Runs a check on a tree, each time in a fresh sandbox, and reads what it says."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import anyio

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.records import BASE, Changes, Check, Environment, Execution, File, Outcome, Verdict, digest
from swe_scale.sandbox import Sandbox, Template
from swe_scale.store import Key, Steps

__all__ = ["JUDGE", "RESOLVED", "UNRESOLVED", "Cells", "execute", "judge"]

RESOLVED = 0
UNRESOLVED = 42
"""Exit code of a check that says: the issue is not resolved. Interpreters and tools don't use it."""

JUDGE = "1"
"""Version of what `judge` makes of an execution. Another one lets no earlier verdict count."""

_TRIES = 3
_BOXES = 8
_SHELL_LAUNCHER = 'read -r nonce; sh "$0" </dev/null; code=$?; [ $code -ne 0 ] || echo "$nonce"; exit $code'
_FIND_PYTHON = 'exec "$(command -v python || command -v python3 || echo python3)" -I "$0" "$1"'


@lru_cache(maxsize=1)
def _launcher() -> bytes:
    return Path(__file__).with_name("launcher.py").read_bytes()


@lru_cache(maxsize=1)
def _way() -> str:
    """Return a digest of how a check is started and judged."""
    return digest(_launcher(), _SHELL_LAUNCHER, _FIND_PYTHON, JUDGE)


def _command(check: Check, folder: str) -> Sequence[str]:
    if check.language == "sh":
        return ("sh", "-c", _SHELL_LAUNCHER, f"{folder}/check.sh")
    return ("sh", "-c", _FIND_PYTHON, f"{folder}/launcher.py", f"{folder}/check.py")


def _files(check: Check) -> Changes:
    script = File(mode="100644", data=check.script.encode("utf-8", "surrogatepass"))
    if check.language == "sh":
        return {"check.sh": script}
    return {"check.py": script, "launcher.py": File(mode="100644", data=_launcher())}


def judge(check: Check, execution: Execution, vouched: bool) -> tuple[Outcome, tuple[str, ...]]:
    """Return what an execution of a check says, and the guards that spoke.

    Args:
        check: which convention its exit codes follow.
        execution: its run.
        vouched: whether the launcher's nonce was seen, which it prints only after the script's own end.
    """
    if execution.timed_out:
        return "timeout", ()
    if execution.exit_code == RESOLVED:
        return ("pass", ()) if vouched else ("error", ("exit-not-its-own",))
    if execution.exit_code == UNRESOLVED or check.foreign:
        return "fail", ()
    return "error", ()


async def execute(sandbox: Sandbox, check: Check, limits: Limits) -> tuple[Execution, bool]:
    """Run a check in a sandbox as it stands; return the run, and whether it ended by itself with 0.

    Raises:
        SandboxError: the backend failed.
    """
    folder = f"{sandbox.scratch}/check"
    await sandbox.write(folder, _files(check))
    nonce = secrets.token_hex(16)
    ran = await sandbox.run(_command(check, folder), limits=limits, stdin=nonce.encode() + b"\n")
    vouched = nonce in ran.output
    return ran.model_copy(update={"output": ran.output.replace(nonce, "").rstrip("\n")}), vouched


@dataclass(slots=True)
class Cells:
    """Gives the verdict of any check on any tree of one issue, run at most once."""

    issue: str
    environment: Environment
    template: Template
    steps: Steps
    cache: VerdictCache
    events: Events
    limits: Limits
    slots: anyio.CapacityLimiter
    """How many sandboxes may be open at a time, over all issues."""
    changes: Callable[[str], Awaitable[Changes]]
    """Returns how a tree, named by its hash, differs from the base."""
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
        key = Key(
            f"{self.issue}/cell/{candidate}/{check.id}/{repeat}",
            digest(self.environment.digest, self.limits.model_dump_json(), _way()),
        )
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
        verdict = await self._run(check, candidate, repeat)
        self.cache.put(f"{candidate}/{check.id}/{repeat}/{key.digest}", verdict)
        self.events.emit("verdict", f"{check.id[:8]} on {candidate[:8]}: {verdict.outcome}", key.path)
        return verdict

    async def _run(self, check: Check, candidate: str, repeat: int) -> Verdict:
        changes = {} if candidate == BASE else await self.changes(candidate)
        for tried in range(1, _TRIES + 1):
            try:
                async with self.slots, self.template.fork(self.limits) as sandbox:
                    await sandbox.write(sandbox.workdir, changes)
                    ran, vouched = await execute(sandbox, check, self.limits)
                break
            except SandboxError:
                if tried == _TRIES:
                    raise
        outcome, flags = judge(check, ran, vouched)
        return Verdict(
            candidate=candidate, check=check.id, repeat=repeat, outcome=outcome, flags=flags, execution=ran
        )

    async def alive(self) -> bool:
        """Return whether a fresh sandbox still runs a command."""
        try:
            async with self.slots, self.template.fork(self.limits) as sandbox:
                return (await sandbox.run(("true",), limits=self.limits)).exit_code == 0
        except SandboxError:
            return False
