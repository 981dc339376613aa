"""Runs a command until the process that it is for has ended, however that was, and leaves nothing of it.

Usage: vllm_keeper.py WATCHED COMMAND…; WATCHED is a process id. SIGTERM ends it, too.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

_PATIENCE = 10.0
"""Seconds that the command has to end in good order."""
_PR_SET_PDEATHSIG = 1


def _with_the_keeper() -> None:
    """Have the kernel end the command where the keeper itself is killed."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def keep(watched: int, command: list[str], scratch: Path) -> int:
    """Return the command's exit status."""
    told, tell = os.pipe()
    # Told, not thrown out of where it stands: the command may just have been started, and not be known yet.
    signal.signal(signal.SIGTERM, lambda *_: os.write(tell, b"."))
    ends = [os.pidfd_open(watched), told]
    child = subprocess.Popen(
        command, process_group=0, preexec_fn=_with_the_keeper, env={**os.environ, "TMPDIR": str(scratch)}
    )
    try:
        ends.append(os.pidfd_open(child.pid))
        select.select(ends, [], [])
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_PATIENCE)
        # What it has started is of its group; an engine outlives a server that crashed.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return child.returncode


def main() -> None:
    # Short, since the sockets in it have paths of bounded length.
    with tempfile.TemporaryDirectory(prefix="served-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
        sys.exit(keep(int(sys.argv[1]), sys.argv[2:], Path(scratch)))


if __name__ == "__main__":
    main()
