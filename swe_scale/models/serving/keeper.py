"""Stands between swe-scale and a server: whatever happens to either, nothing of the server stays behind.

It is started as a script of its own, with `-I -S`, and reads its standard input, on which nothing is ever
sent: when that ends, swe-scale has let go of it, or was killed. It adopts every process that the server
leaves behind, so that engines which outlive their server are found and ended. It writes what the server
says into a file of bounded size. Its exit status is the server's; 128 + n if signal n ended that.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_LIBC = ctypes.CDLL(None, use_errno=True)


class Log:
    """A file that begins anew when it is full; what it held before lies beside it, as `NAME.1`."""

    def __init__(self, path: Path, most: int) -> None:
        """Begin the file anew; it and the one before take `most` bytes each."""
        self.path, self.most = path, most
        self.file, self.size = self._begin(), 0

    def write(self, data: bytes) -> None:
        """Append what came; a full disk loses it."""
        if self.size + len(data) > self.most:
            self.file.close()
            self.file, self.size = self._begin(), 0
        with contextlib.suppress(OSError):
            self.file.write(data)
        self.size += len(data)

    def _begin(self) -> BinaryIO:
        with contextlib.suppress(OSError):
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        return self.path.open("wb", buffering=0)


def descendants(of: int) -> set[int]:
    """Return the processes below one, those that are ended and not yet collected left out."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError, ValueError):
                # The name, in parentheses, may hold anything; behind it come state and parent.
                state, parent = (
                    Path("/proc", entry, "stat").read_text("latin-1").rpartition(")")[2].split()[:2]
                )
                if state not in "ZX":
                    parents[int(entry)] = int(parent)
    found, level = set[int](), {of}
    while level := {one for one, parent in parents.items() if parent in level} - found:
        found |= level
    return found


def collect(codes: dict[int, int]) -> bool:
    """Add the exit codes of the children that have ended, by process; return whether there are others."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            codes[ended[0]] = os.waitstatus_to_exitcode(ended[1])
        return True
    return False


def end_all(server: int, grace: float, codes: dict[int, int], meanwhile: Callable[[], object]) -> None:
    """Ask the server to end, then all else below this process, then make them; add their exit codes.

    The server has half of the grace (seconds) for itself, in which it may end its engines in good order.
    """
    deadline, asked = time.monotonic() + grace, set[int]()
    # A listing may miss whom it catches between two parents; being without children, this process can't.
    while collect(codes):
        left, rest = descendants(os.getpid()), deadline - time.monotonic()
        turn = {server} if server in left and rest > grace / 2 else left
        for one in turn - asked if rest > 0 else left:
            with contextlib.suppress(OSError):
                os.kill(one, signal.SIGTERM if rest > 0 else signal.SIGKILL)
        asked |= turn
        meanwhile()
        time.sleep(0.02)


def start(command: list[str], output: int, keeper: int) -> int:
    """Start the server, which dies with this process; return its number."""

    def bind() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        preexec_fn=bind,
    ).pid


class Waking:
    """Signals as something to wait for: the end of a child, or the wish that this process should end."""

    def __init__(self) -> None:
        """Take over the signals of this process."""
        self.told = False
        self.pipe, self._write = os.pipe()
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(one, self._tell)

    def _tell(self, *_: object) -> None:
        self.told = True


def copied(output: int, log: Log) -> bool:
    """Write what the server says into the log; return whether it may say more."""
    with contextlib.suppress(BlockingIOError):
        while data := os.read(output, 65_536):
            log.write(data)
        return False
    return True


def keep(command: list[str], log: Log, grace: float) -> int:
    """Run a server until it ends, is no longer wanted, or this process is told to end; return its status."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    waking = Waking()
    output, theirs = os.pipe()
    os.set_blocking(output, False)
    server = start(command, theirs, os.getpid())
    os.close(theirs)
    codes: dict[int, int] = {}
    watched = [sys.stdin.fileno(), waking.pipe, output]
    while server not in codes and not waking.told:
        ready = select.select(watched, [], [])[0]
        if output in ready and not copied(output, log):
            watched.remove(output)
        if waking.pipe in ready:
            os.read(waking.pipe, 4096)
            collect(codes)
        if sys.stdin.fileno() in ready:
            break
    end_all(server, grace, codes, lambda: copied(output, log))
    copied(output, log)
    code = codes.get(server, 0)
    return code if code >= 0 else 128 - code


def main() -> int:
    """Keep the server that the arguments name: log, its size in bytes, grace in seconds, command."""
    path, most, grace, *command = sys.argv[1:]
    os.umask(0o077)
    log = Log(Path(path), int(most))
    try:
        return keep(command, log, float(grace))
    except OSError as error:
        log.write(f"{command[0]} can't be started: {error.strerror}\n".encode())
        return 127


if __name__ == "__main__":
    sys.exit(main())
