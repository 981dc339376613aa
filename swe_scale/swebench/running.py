"""Runs a row's hidden tests on one patch in a fresh sandbox, as the official harness does."""

from dataclasses import dataclass

import anyio
import anyio.to_process

from swe_scale import assets
from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Changes, Execution, File
from swe_scale.sandbox import Sandbox, Template
from swe_scale.swebench.evaluation import END, START, eval_script, own_seconds, timed
from swe_scale.swebench.instance import Gold
from swe_scale.swebench.official import Reading, read_log

LOG_BYTES = 64 << 20
"""Of a log; a longer one isn't read."""
_READING_SECONDS = 120.0
_APPLY_SECONDS = 300.0
_UNAPPLIED, _NO_GIT = 3, 4
_SIGNALLED = 128
_VARIABLES = {
    # Python's packages are there already, and nothing can be fetched.
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_NO_DEPS": "1",
    "PIP_NO_INDEX": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}
_OURS = ("LANG", "TERM", "PAGER", "GIT_PAGER", "PYTHONDONTWRITEBYTECODE")
"""Variables of our sandboxes that the harness's containers don't have."""


class Hindered(SandboxError):
    """The machine kept the tests from telling anything of the patch; trying again may help."""


class Killed(Hindered):
    """Somebody killed the script; if that happens each time, it is the patch's own doing."""


class Bounded(Hindered):
    """A limit of ours did; trying again doesn't help."""

    again = 0


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the hidden tests."""

    reading: Reading | None
    """None: the patch doesn't apply, or the time was up."""
    reason: str
    """Why there is none."""
    seconds: float
    """Of the tests by themselves, as far as the log tells; otherwise of the whole script."""


async def run_official(template: Template, gold: Gold, patch: str | Changes, limits: Limits) -> Ran:
    """Run a row's script on its tree with a patch, or what counts of it, and read its log by the rules.

    Raises:
        Hindered: the machine failed, or a limit other than the time was hit.
        SandboxError: the backend failed.
        UsageError: as `read_log`.
    """
    async with template.fork(limits) as sandbox:
        refused = await _put(sandbox, patch)
        if refused is not None:
            return Ran(None, refused, 0.0)
        ran = await run_script(sandbox, timed(eval_script(gold, sandbox.workdir)), limits)
    if ran.timed_out:
        return Ran(None, f"the tests took longer than {limits.seconds:g} s", ran.seconds)
    told = own_seconds(ran.output)
    reading = await reading_of(gold, ran.output)
    if reading.judged.ruling != "resolved":
        refuse_hindered(ran, limits)
        _refuse_unmarked(ran)
    return Ran(reading, "", ran.seconds if told is None else min(told, ran.seconds))


async def _put(sandbox: Sandbox, patch: str | Changes) -> str | None:
    if isinstance(patch, str):
        return await apply_patch(sandbox, patch)
    await sandbox.write(sandbox.workdir, patch)
    return None


async def apply_patch(sandbox: Sandbox, patch: str) -> str | None:
    """Apply a patch in a sandbox by the official ways; return why it doesn't apply, None if it does.

    Raises:
        Hindered: the place has no git, or the tree isn't in it.
        SandboxError: the backend failed.
    """
    await sandbox.write(sandbox.scratch, {"patch.diff": File(mode="100644", data=patch.encode())})
    script = (assets.folder("sandboxes") / "grading-apply.sh").read_text(encoding="utf-8")
    command = ("sh", "-c", script, "sh", f"{sandbox.scratch}/patch.diff")
    ran = await sandbox.run(command, limits=Limits(seconds=_APPLY_SECONDS))
    if ran.exit_code == 0:
        return None
    if ran.exit_code == _UNAPPLIED:
        return f"Patch Apply Failed: {' '.join(ran.output.split())[-300:]}"
    if ran.exit_code == _NO_GIT:
        raise Bounded("the place of its tests has no git, or no repository where the tree is")
    raise Hindered(f"applying the patch ended with {ran.exit_code}: {ran.output.strip()[-200:]}")


async def run_script(sandbox: Sandbox, script: str, limits: Limits) -> Execution:
    """Run a Bash script in a sandbox, with the variables that it would have in the harness.

    Raises:
        SandboxError: the backend failed.
    """
    await sandbox.write(sandbox.scratch, {"eval.sh": File(mode="100755", data=script.encode())})
    without = [part for name in _OURS for part in ("-u", name)]
    command = ("env", *without, "bash", f"{sandbox.scratch}/eval.sh")
    bound = limits.model_copy(update={"output": LOG_BYTES})
    return await sandbox.run(command, limits=bound, variables=_VARIABLES)


async def reading_of(gold: Gold, log: str, closely: bool = False) -> Reading:
    """Return what the official rules say of a log, read in a process that can be stopped: logs are hostile.

    Args:
        gold: the row.
        log: with its marks.
        closely: whether single lines that contradict each other are looked for.

    Raises:
        Hindered: it took too long.
        UsageError: as `read_log`.
    """
    with anyio.move_on_after(_READING_SECONDS):
        return await anyio.to_process.run_sync(read_log, gold, log, closely, cancellable=True)
    raise Bounded(f"its log of {len(log):,} characters couldn't be read within {_READING_SECONDS:g} s")


def refuse_hindered(ran: Execution, limits: Limits) -> None:
    """Refuse a run whose end is the machine's or our limits' doing.

    Raises:
        Hindered: it is.
    """
    if ran.truncated:
        raise Bounded(f"its log is longer than {LOG_BYTES >> 20} MiB")
    if ran.limit in ("memory", "pids", "disk"):
        bound = getattr(limits, ran.limit)
        mend = "see [limits] of the configuration"
        raise Bounded(f"the sandbox's limit of {ran.limit} ({bound:,}) was hit; {mend}")
    if ran.exit_code is None:
        raise Hindered("the tests' command was lost")
    if "No space left on device" in ran.output:
        raise Hindered("the disk was full")


def _refuse_unmarked(ran: Execution) -> None:
    if START not in ran.output:
        last = ran.output.strip().splitlines()[-1:] or ["nothing was printed"]
        raise Hindered(f"the script ended with {ran.exit_code} before its tests began: {last[0][:200]}")
    if END not in ran.output and (ran.exit_code or 0) >= _SIGNALLED:
        raise Killed(
            f"the script was killed by signal {(ran.exit_code or 0) - _SIGNALLED} while its tests ran"
        )
