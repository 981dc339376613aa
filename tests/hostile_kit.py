"""Compares hostile scripts with what is expected of them, and sees that host and next cell took no harm."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from tempfile import NamedTemporaryFile

import pytest

from swe_scale.config import Limits, cache_folder
from swe_scale.records import Execution, Limit
from swe_scale.sandbox import Sandbox, Template

MIB = 1024**2
HIGHEST = 256 * MIB
"""Bytes of memory of a hostile cell."""
LIMITS = Limits(seconds=30, memory=HIGHEST, disk=64 * MIB, pids=64, cpus=2, output=16 * 1024)
BRIEF = 1.0
"""Seconds for a script that never ends by itself."""
SEALED = frozenset({"docker", "docker-strict", "docker-plain", "bubblewrap"})
"""Ways in which our own first process filters a cell's system calls."""
FORKED = SEALED - {"docker-plain"}
"""Ways in which all that a cell writes is bound together."""
_SETTINGS = ("core_pattern", "hostname", "pid_max", "panic", "shm_rmid_forced", "randomize_va_space")


@dataclass(frozen=True, slots=True)
class Expected:
    """What an execution may be, written before it was seen."""

    codes: frozenset[int | None] = frozenset({0})
    limits: frozenset[Limit | None] = frozenset({None})
    output: str | None = None
    """All of it. None: anything, but for what follows."""
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    cut: bool = False
    """Whether bytes are left out of the middle."""

    def faults(self, found: Execution) -> list[str]:
        """Return in what an execution differs."""
        return [
            *([] if found.exit_code in self.codes else [f"exit code {found.exit_code}"]),
            *([] if found.timed_out == (found.limit == "wall") else ["timed_out and limit disagree"]),
            *([] if found.limit in self.limits else [f"limit {found.limit}"]),
            *([] if self.output in (None, found.output) else ["other output"]),
            *(f"doesn't say {text!r}" for text in self.says if text not in found.output),
            *(f"says {text!r}" for text in self.never if text in found.output),
            *([] if (found.truncated > 0) == self.cut else [f"{found.truncated} bytes left out"]),
        ]


ENDLESS = Expected(frozenset({None}), frozenset({"wall"}))
"""Of a script that only its deadline ends."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """A script that means harm, and what must come of it."""

    name: str
    script: str
    """Python, or a shell's after `sh:`; its first argument tells its processes from all others."""
    expected: Expected = field(default_factory=Expected)
    elsewhere: Mapping[str, Expected] = field(default_factory=dict)
    """What is expected of the ways that hold less, by way."""
    seconds: float = LIMITS.seconds

    def __str__(self) -> str:
        return self.name


def way_of(request: pytest.FixtureRequest) -> str:
    """Return the way of running code apart that a test is asked of."""
    return str(request.node.callspec.params["config"])


STUBBORN = (
    "import os,signal,sys,time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork(): os._exit(0)\n"
    "    time.sleep(300)\n"
    "print('so far', flush=True)\n"
    "time.sleep(float(sys.argv[2]))\n"
)
"""Python that outlives its end where it can: it ignores signals, and leaves a child of another session."""


def running(mark: str) -> list[str]:
    """Return the commands of this host, containers among them, that carry a mark as an argument."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if mark.encode() in command and state != "Z":
                found.append(" ".join(map(os.fsdecode, command)))
    return found


def _settings() -> dict[str, str]:
    return {name: Path("/proc/sys/kernel", name).read_text() for name in _SETTINGS}


@contextmanager
def unharmed() -> Iterator[str]:
    """Return a secret that only files of this host hold, which must be as they were in the end."""
    secret = token_hex(16)
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with (
        NamedTemporaryFile("w", dir=cache.parent) as beside,
        NamedTemporaryFile("w", dir="/tmp", prefix="swe-scale-canary-") as temporary,
    ):
        places = [Path(beside.name), Path(temporary.name)]
        for place in places:
            place.write_text(secret)
        before = [(place.stat().st_mode, place.stat().st_mtime_ns) for place in places]
        settings, null = _settings(), Path("/dev/null").stat()
        yield secret
        assert [place.read_text() for place in places] == [secret, secret]
        assert [(place.stat().st_mode, place.stat().st_mtime_ns) for place in places] == before
        assert _settings() == settings
        assert Path("/dev/null").stat().st_mode == null.st_mode


async def run(sandbox: Sandbox, script: str, *arguments: str, seconds: float = LIMITS.seconds) -> Execution:
    """Run a script, Python or a shell's after `sh:`."""
    kind, _, line = script.partition(":")
    shell = ["sh", "-c", line, "sh"] if kind == "sh" else ["python", "-c", script]
    limits = LIMITS.model_copy(update={"seconds": seconds})
    return await sandbox.run([*shell, *arguments], limits=limits)


async def attack(template: Template, hostile: Hostile, way: str, *arguments: str) -> Execution:
    """Run a hostile script and see that it comes out as expected, alone, and that the next cell works."""
    mark = token_hex(8)
    expected = hostile.elsewhere.get(way, hostile.expected)
    with unharmed():
        async with template.fork(LIMITS) as sandbox:
            found = await run(sandbox, hostile.script, mark, *arguments, seconds=hostile.seconds)
        assert expected.faults(found) == [], (found.output[-300:], found.exit_code, found.limit)
        assert running(mark) == []
        async with template.fork(LIMITS) as sandbox:
            after = await run(sandbox, "sh:echo fine")
        assert (after.exit_code, after.output, after.limit) == (0, "fine\n", None), after
    return found
