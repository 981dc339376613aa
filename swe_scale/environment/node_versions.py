"""Which Node a JavaScript project wants, by what it says in `engines`, `.nvmrc` and the like."""

import re
from collections.abc import Sequence

MAJORS = (18, 20, 22, 24)
"""Major versions that the Python index has."""
USUAL = 22
_Version = tuple[int, int, int]
_COMPARATOR = re.compile(r"(>=|<=|>|<|\^|~>?|=)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?[-+.\w]*")
_LAST = 10**6
_LONGEST = 200


def majors_for(wanted: str) -> tuple[int, ...]:
    """Return the major versions that a range allows, all of them where none does or nothing is said.

    A range below them all has the lowest one, a range above them the highest.

    Args:
        wanted: a semantic version range, as npm understands it.
    """
    ranges = [part.strip() for part in wanted[:_LONGEST].split("||")]
    found = tuple(major for major in MAJORS if any(_allows(part, major) for part in ranges))
    if found:
        return found
    told = [int(number) for number in re.findall(r"(?<![\d.])v?(\d{1,4})", wanted)]
    if not told:
        return MAJORS
    return (MAJORS[0],) if max(told) < MAJORS[-1] else (MAJORS[-1],)


def preferred(majors: Sequence[int]) -> int:
    """Return the version that is installed where none of these is there."""
    return USUAL if USUAL in majors else max(majors)


def _allows(wanted: str, major: int) -> bool:
    span = re.fullmatch(r"(\S+)\s+-\s+(\S+)", wanted)
    text = f">={span[1]} <={span[2]}" if span else wanted
    limits = [_limits(found) for found in _COMPARATOR.finditer(text)]
    low = max([(major, 0, 0), *(one for one, _ in limits)])
    high = min([(major + 1, 0, 0), *(one for _, one in limits)])
    return low < high


def _limits(found: re.Match[str]) -> tuple[_Version, _Version]:
    """Return the lowest version that a comparator allows, and the lowest above all of them."""
    sign = found[1] or "="
    parts = [int(part) if part and part.isdigit() else None for part in found.groups()[1:]]
    if parts[0] is None:
        return (0, 0, 0), (_LAST, 0, 0)
    first: _Version = (parts[0], parts[1] or 0, parts[2] or 0)
    after = _after(parts)
    match sign:
        case ">=":
            return first, (_LAST, 0, 0)
        case ">":
            return after, (_LAST, 0, 0)
        case "<":
            return (0, 0, 0), first
        case "<=":
            return (0, 0, 0), after
        case "^":
            return first, (first[0] + 1, 0, 0)
        case "=":
            return first, after
    return first, (first[0] + 1, 0, 0) if parts[1] is None else (first[0], first[1] + 1, 0)


def _after(parts: Sequence[int | None]) -> _Version:
    major, minor, patch = parts
    if minor is None:
        return (major or 0) + 1, 0, 0
    return (major or 0, minor + 1, 0) if patch is None else (major or 0, minor, patch + 1)
