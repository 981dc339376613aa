"""Starts a check in a sandbox and reads how it ended, by a nonce that only its launcher knows."""

import secrets
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from swe_scale.config import Limits
from swe_scale.flags import EXITED
from swe_scale.profiles import profiles
from swe_scale.records import Changes, Check, Execution, File, Outcome, digest
from swe_scale.sandbox import Sandbox

RESOLVED = 0
UNRESOLVED = 42
"""Exit code of a check that says: the issue is not resolved. Interpreters and tools don't use it."""

JUDGE = "2"
"""Version of what is made of an execution. Another one lets no earlier verdict count."""

# The script is read whole before it starts, so that rewriting its file changes nothing.
_SHELL_LAUNCHER = (
    'read -r nonce resolved; sh -c "$(cat "$0")" "$0" </dev/null; code=$?; '
    '[ $code -ne 0 ] || code=$resolved; [ $code -ne 0 ] || echo "$nonce"; exit $code'
)
# Folders that are named relative to the work tree are no place for an interpreter.
_FIND_PYTHON = (
    "search=; IFS=:; set -f; "
    "for place in $PATH; do case $place in /*) search=$search:$place;; esac; done; unset IFS; "
    "found=$(PATH=${search#:}; command -v python || command -v python3 || echo python3); "
    'exec "$found" -I -S "$0" "$1"'
)


@lru_cache(maxsize=1)
def _launcher() -> bytes:
    return Path(__file__).with_name("launcher.py").read_bytes()


@lru_cache(maxsize=1)
def way() -> str:
    """Return a digest of how a check is started and judged."""
    known = (profile.model_dump_json() for profile in profiles())
    return digest(_launcher(), _SHELL_LAUNCHER, _FIND_PYTHON, JUDGE, *known)


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
        return ("pass", ()) if vouched else ("error", (EXITED,))
    if execution.exit_code == UNRESOLVED or check.foreign:
        return "fail", ()
    return "error", ()


async def execute(
    sandbox: Sandbox, check: Check, limits: Limits, resolved: int = RESOLVED
) -> tuple[Execution, bool]:
    """Run a check in a sandbox as it stands; return the run, and whether it ended by itself with 0.

    Args:
        sandbox: with the tree to be judged.
        check: what to run.
        limits: of the run.
        resolved: what the script's own end with 0 is turned into.

    Raises:
        SandboxError: the backend failed.
    """
    folder = f"{sandbox.scratch}/check"
    await sandbox.write(folder, _files(check))
    nonce = secrets.token_hex(16)
    ran = await sandbox.run(_command(check, folder), limits=limits, stdin=f"{nonce} {resolved}\n".encode())
    vouched = nonce in ran.output
    return ran.model_copy(update={"output": ran.output.replace(nonce, "").rstrip("\n")}), vouched
