"""What an environment's interpreter has installed, since equal set-up lines may install other versions."""

from importlib import resources

from swe_scale.config import Limits
from swe_scale.records import Record, digest
from swe_scale.sandbox import Sandbox

_SECONDS = 60.0
_RUN = 'if command -v python >/dev/null 2>&1; then exec python -c "$@"; else exec python3 -c "$@"; fi'


class Installed(Record):
    """The distributions, as one digest."""

    state: str = ""
    """Empty: it couldn't be found out, or code of the work tree was copied into the installation."""


async def read_installed(sandbox: Sandbox, limits: Limits) -> Installed:
    """Return what the interpreter that is first on the search path has installed.

    Raises:
        SandboxError: the backend failed.
    """
    script = resources.files("swe_scale.regression").joinpath("distributions.py").read_text("utf-8")
    soon = limits.model_copy(update={"seconds": _SECONDS, "output": max(limits.output, 1 << 20)})
    ran = await sandbox.run(("sh", "-c", _RUN, "sh", script, sandbox.workdir), limits=soon)
    if ran.exit_code != 0 or ran.truncated:
        return Installed()
    lines = sorted(set(ran.output.splitlines()))
    if any(line.endswith("\tcopy") for line in lines):
        return Installed()
    return Installed(state=digest(*lines))
