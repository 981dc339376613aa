"""Whether a check executes what a candidate changes, from lines of the untouched code. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath

from swe_scale.patch import is_test
from swe_scale.reach.changed import Stand, stands
from swe_scale.records import Changes, File, LinesExecuted, Reach

_PROSE = frozenset({".md", ".rst"})
_PROSE_FOLDERS = frozenset({"doc", "docs"})


@dataclass(frozen=True, slots=True)
class Change:
    """Where a candidate differs from the untouched code, as far as a trace can tell of it."""

    lines: Mapping[str, frozenset[int]]
    """By file, lines of the untouched code, counted from 1: the change is reached where one is executed."""
    unseen: frozenset[str]
    """Files of which a trace doesn't tell whether their change is reached."""
    prose: frozenset[str]
    """Files that no code executes: they matter where they are read."""


def change_of(changes: Changes, base: Mapping[str, File]) -> Change:
    """Return where a candidate stands.

    What only adds imports or functions to a module counts where nothing else is changed. New files, those
    that aren't Python, and what can't be read as Python, can't be seen into.

    Args:
        changes: from the untouched tree.
        base: those of the changed files that it has.
    """
    found: dict[str, tuple[Stand, ...]] = {}
    unseen: set[str] = set()
    prose: set[str] = set()
    for path, file in changes.items():
        before = base.get(path)
        if _is_prose(path, before is None):
            prose.add(path)
        elif (told := _told(path, before, file)) is None:
            unseen.add(path)
        else:
            found[path] = told
    firm = bool(unseen) or any(not one.binds for one in chain.from_iterable(found.values()))
    lines = {
        path: frozenset(
            line for one in several if not (firm and one.binds) for line in one.lines
        )
        for path, several in found.items()
    }  # fmt: skip
    return Change({path: some for path, some in lines.items() if some}, frozenset(unseen), frozenset(prose))


def _is_prose(path: str, new: bool) -> bool:
    """Return whether a file is read by people alone: documentation, and tests that a check can't know."""
    place = PurePosixPath(path)
    if is_test(path) and (new or place.suffix != ".py"):
        return True
    return place.suffix != ".py" and (place.suffix in _PROSE or place.parts[0] in _PROSE_FOLDERS)


def _told(path: str, before: File | None, after: File | None) -> tuple[Stand, ...] | None:
    """Return where a file's change stands; None where no trace tells of it."""
    if before is None or not path.endswith(".py") or "120000" in (before.mode, after and after.mode):
        return None
    old = _text(before.data)
    if old is not None and after is None:
        return (Stand(frozenset(range(1, old.count("\n") + 2)), binds=False),)
    new = None if after is None else _text(after.data)
    found = None if old is None or new is None else stands(old, new)
    return None if found is None else tuple(found)


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def reach(executed: LinesExecuted, change: Change) -> Reach:
    """Return whether a check executes a change: it misses it only where all that was executed is known.

    Args:
        executed: by the check, on the untouched code.
        change: of a candidate.
    """
    if _meet(executed.lines, change.lines):
        return "executes"
    read = {*change.lines, *change.prose}.intersection(executed.read)
    unknown = change.unseen or read or executed.why or _meet(executed.unsure, change.lines)
    return "misses" if change.lines and not unknown else "unknown"


def _meet(runs: Mapping[str, Sequence[tuple[int, int]]], lines: Mapping[str, frozenset[int]]) -> bool:
    return any(
        first <= line <= last
        for path, some in lines.items()
        for first, last in runs.get(path, ())
        for line in some
    )
