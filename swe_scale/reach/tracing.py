"""One run of a check on the untouched code, traced: which lines of the work tree it executes."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import groupby

from swe_scale.checks import Cells, execute
from swe_scale.checks.launching import way
from swe_scale.errors import SandboxError
from swe_scale.records import Changes, Check, Execution, File, LinesExecuted, digest
from swe_scale.regression.tracing import tracer
from swe_scale.retry import retrying
from swe_scale.sandbox.services import on_base
from swe_scale.store import Key

_TRIES = 4
_LARGEST = 8 << 20
"""Bytes of a trace that are read."""
_ROWS = 200_000
_ROW = re.compile(rb"(-?[0-9]{1,7})\t(.{1,4096})")
_NAMED = re.compile("([0-9]{1,7}) (.+)", re.DOTALL)
_DISPLACED, _HIDDEN, _BEGUN, _ENDED = _MARKS = -1, -2, -6, -7
_READ, _UNSURE = -3, -8
"""What the tracers write in place of a line's number."""
LOST = LinesExecuted(why="the sandbox failed")
"""Of a check whose sandbox failed, which may be tried again."""
LANGUAGE = "python"
"""Of checks that can be traced."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Finds out which lines checks execute on the untouched code, once each.

    A traced run is never a verdict: to be watched may change what code does. And what it brings is a hint,
    no proof: the tracer shares its process with the code under test, which can keep lines from it or make
    others up.
    """

    cells: Cells

    async def of(self, check: Check) -> LinesExecuted:
        """Return what is recorded, kept from an earlier run, or traced now.

        Raises:
            SandboxError: the backend no longer works at all.
        """
        if check.language != LANGUAGE:
            return LinesExecuted(why=f"checks in {check.language} aren't traced")
        cells = self.cells
        own = (cells.environment.digest, cells.limits.model_dump_json(), way())
        inputs = digest(*own, *parts().values())
        key = Key(f"{cells.issue}/lines/{check.id}", inputs)
        try:
            return await cells.steps.once(key, LinesExecuted, lambda: self._find(f"lines/{inputs}", check))
        except SandboxError as error:
            if not await cells.alive():
                raise
            cells.events.emit("note", f"a sandbox failed: {error}", key.path)
            return LOST

    async def _find(self, name: str, check: Check) -> LinesExecuted:
        cache, place = self.cells.cache, f"{name}/{check.id}"
        kept = cache.recall(place, LinesExecuted)
        if kept is not None:
            return kept
        # A container service that is being restarted is back within seconds.
        traced: tuple[Execution, bytes] = await retrying(_TRIES, SandboxError)(self._traced, check)
        ran, data = traced
        found = read_lines(data, ran, await self.cells.trees.paths())
        if not ran.timed_out:
            cache.keep(place, found)
        return found

    async def _traced(self, check: Check) -> tuple[Execution, bytes]:
        cells = self.cells
        async with cells.slots, cells.template.fork(cells.limits) as fresh:
            sandbox = on_base(fresh)
            written = f"{sandbox.scratch}/traced"
            root = sandbox.workdir.encode("utf-8", "surrogateescape")
            script = check.script.encode("utf-8", "surrogatepass")
            await sandbox.write(written, _plain({**parts(), "check.py": script, "root": root}))
            begins = Check.of(parts()["sitecustomize.py"].decode(), check.kind, foreign=check.foreign)
            ran, _ = await execute(sandbox, begins, cells.limits)
            return ran, await sandbox.read(f"{written}/executed", _LARGEST) or b""


def read_lines(data: bytes, ran: Execution, paths: Collection[str]) -> LinesExecuted:
    """Return what a trace says; rows that the tracer can't have written are passed over.

    Args:
        data: of its file, which code under test may have written to.
        ran: the run.
        paths: of the work tree; nothing else is told of.
    """
    rows = data[:_LARGEST].split(b"\n")
    found: dict[str, set[int]] = {}
    unsure: dict[str, set[int]] = {}
    marks: dict[int, set[str]] = {}
    for row in rows[:_ROWS]:
        known = _ROW.fullmatch(row)
        if known is None:
            continue
        number, path = int(known[1]), known[2].decode("utf-8", "replace")
        lines = found
        if number == _UNSURE and (named := _NAMED.fullmatch(path)):
            number, path, lines = int(named[1]), named[2], unsure
        if number in _MARKS or (number == _READ and path in paths):
            marks.setdefault(number, set()).add(path)
        elif number > 0 and path in paths:
            lines.setdefault(path, set()).add(number)
    cut = len(rows) > _ROWS or len(data) >= _LARGEST
    return LinesExecuted(
        lines={path: tuple(_ranges(found[path])) for path in sorted(found)},
        unsure={path: tuple(_ranges(unsure[path])) for path in sorted(unsure)},
        read=tuple(sorted(marks.get(_READ, ()))),
        why=_unseen(ran, marks, cut),
    )


def _unseen(ran: Execution, marks: Mapping[int, Collection[str]], cut: bool) -> str:
    """Return why there may be lines that weren't seen; empty where all were."""
    begun, ended = marks.get(_BEGUN, ()), marks.get(_ENDED, ())
    if ran.timed_out:
        return "the time was over"
    if not begun:
        return "the tracer didn't start"
    if not set(begun) <= set(ended):
        return "an interpreter was ended before the tracer was"
    if _DISPLACED in marks:
        return "another tracer took the place of this one"
    if _HIDDEN in marks:
        return "a process was started that isn't followed, or too much was executed"
    return "more was written than is read" if cut else ""


def _ranges(lines: Iterable[int]) -> Iterable[tuple[int, int]]:
    for _, run in groupby(enumerate(sorted(lines)), lambda pair: pair[1] - pair[0]):
        several = [line for _, line in run]
        yield several[0], several[-1]


@lru_cache(maxsize=1)
def parts() -> Mapping[str, bytes]:
    """Return the files of the tracer, by name; other ones may see otherwise."""
    own = resources.files("swe_scale.reach").joinpath("line_tracer.py").read_bytes()
    return {"sitecustomize.py": own, "function_tracer.py": tracer()}


def _plain(files: Mapping[str, bytes]) -> Changes:
    return {name: File(mode="100644", data=data) for name, data in files.items()}
