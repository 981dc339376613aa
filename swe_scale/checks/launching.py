"""Starts a check in a sandbox and reads how it ended, by a nonce that only its launcher knows."""

import hashlib
import secrets
import shlex
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from swe_scale.config import Limits
from swe_scale.flags import EXITED, UNGUARDED
from swe_scale.profiles import check_languages, profiles
from swe_scale.records import Changes, Check, Execution, File, Outcome, digest
from swe_scale.sandbox import Sandbox, Secret

RESOLVED = 0
UNRESOLVED = 42
"""Exit code of a check that says: the issue is not resolved. Interpreters and tools don't use it."""
GUARDED = ("python", "node", "sh")
"""Languages whose launcher tells a check's own end from that of the code under test, or of the shell."""

JUDGE = "3"
"""Version of what is made of an execution. Another one lets no earlier verdict count."""

# Folders that are named relative to the work tree are no place for an interpreter.
_PLACES = (
    "search=; IFS=:; set -f; "
    "for place in $PATH; do case $place in /*) search=$search:$place;; esac; done; unset IFS; set +f; "
)
_FIND_PYTHON = (
    f"{_PLACES}found=$(PATH=${{search#:}}; command -v python || command -v python3 || echo python3); "
    'exec "$found" -I -S "$0" "$1"'
)
_FIND_NODE = f'{_PLACES}found=$(PATH=${{search#:}}; command -v node || echo node); exec "$found" "$0" "$1"'
_VOUCHES = (
    'code=$?; [ $code -ne 0 ] || code=$resolved; [ $code -ne 0 ] || printf "\\n%s\\n" "$nonce"; exit $code'
)
# The script is read whole before it starts, so that rewriting its file changes nothing; the input to its end,
# which says that code of others may start.
_SHELL_LAUNCHER = (
    f'read -r nonce resolved rest; cat >/dev/null; sh -c "$(cat "$0")" "$0" </dev/null; {_VOUCHES}'
)
_OTHER_LAUNCHER = (
    f"read -r nonce resolved rest; {_PLACES}PATH=${{search#:}}; export PATH; cat >/dev/null; "
    f'sh -c "$0" </dev/null; {_VOUCHES}'
)
# Beside the product, since most languages look for what a file imports from where the file is.
_FOLDER = ".swe-scale"
_LAUNCHERS = ("launcher.py", "launcher.mjs")


@lru_cache
def _launcher(name: str = "launcher.py") -> bytes:
    return Path(__file__).with_name(name).read_bytes()


@lru_cache(maxsize=1)
def way() -> str:
    """Return a digest of how a check is started and judged."""
    known = (profile.model_dump_json() for profile in profiles())
    commands = (_SHELL_LAUNCHER, _OTHER_LAUNCHER, _FIND_PYTHON, _FIND_NODE)
    return digest(*map(_launcher, _LAUNCHERS), *commands, JUDGE, *known)


def _command(check: Check, folder: str) -> Sequence[str]:
    match check.language:
        case "sh":
            return ("sh", "-c", _SHELL_LAUNCHER, f"{folder}/check.sh")
        case "python":
            return ("sh", "-c", _FIND_PYTHON, f"{folder}/launcher.py", f"{folder}/check.py")
        case "node":
            return ("sh", "-c", _FIND_NODE, f"{folder}/launcher.mjs", f"{_FOLDER}/check.mjs")
    how = check_languages()[check.language]
    line = how.command.format(script=f"{_FOLDER}/check.{how.suffix}", scratch=shlex.quote(folder))
    return ("sh", "-c", _OTHER_LAUNCHER, line)


def _files(check: Check) -> Changes:
    """Return what is put into a folder outside of the work tree."""
    match check.language:
        case "sh":
            return {"check.sh": _plain(_script(check))}
        case "python":
            return {"check.py": _plain(_script(check)), "launcher.py": _plain(_launcher())}
        case "node":
            return {"launcher.mjs": _plain(_launcher("launcher.mjs"))}
    return {}


def _beside(check: Check) -> Changes:
    """Return what is put into the work tree."""
    if check.language in ("sh", "python"):
        return {}
    return {f"{_FOLDER}/check.{check_languages()[check.language].suffix}": _plain(_script(check))}


def _script(check: Check) -> bytes:
    return check.script.encode("utf-8", "surrogatepass")


def _plain(data: bytes) -> File:
    return File(mode="100644", data=data)


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
        return ("pass", _unguarded(check)) if vouched else ("error", (EXITED,))
    if execution.exit_code == UNRESOLVED or check.foreign:
        return "fail", ()
    return "error", ()


def _unguarded(check: Check) -> tuple[str, ...]:
    return () if check.language in GUARDED else (UNGUARDED,)


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
    if check.language not in ("python", "sh", *check_languages()):
        lost = f"no installed profile knows how to run a check in {check.language!r}"
        return Execution(exit_code=None, output=lost), False
    files = _files(check)
    folder = f"{sandbox.scratch}/check" if files else sandbox.scratch
    if files:
        await sandbox.write(folder, files)
    if beside := _beside(check):
        await sandbox.write(sandbox.workdir, beside)
    nonce = secrets.token_hex(16)
    told = f"{nonce} {resolved} {hashlib.sha256(_script(check)).hexdigest()}\n"
    ran = await sandbox.run(_command(check, folder), limits=limits, stdin=Secret(told.encode()))
    vouched = nonce in ran.output
    return ran.model_copy(update={"output": ran.output.replace(nonce, "").rstrip("\n")}), vouched
