"""Puts an entry into a changelog of all releases, under what comes next, and changes nothing else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from swe_scale.house.change import Change
from swe_scale.house.entry_form import EntryForm, form_of

_SEARCHED = 400
"""Lines within which what isn't released yet must begin."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FIXES = re.compile(r"\b(?:fixed|fixes|bug[ -]?fix(?:es)?|bugs?(?: fixed)?)\b", re.IGNORECASE)
_UNRELEASED = re.compile(
    r"\bunreleased\b|\bin development\b|\bunder development\b|\bupcoming\b|\bnext\b|\bdev\b|\bTB[DA]\b"
    r"|\bto be released\b|\bnot (?:yet )?released\b|\bin progress\b"
    r"|^(?:master|main|head|trunk|develop)$|\bYYYY\b|\bxx\b",
    re.IGNORECASE,
)
_UNRELEASED_LINE = re.compile(
    r"\W*(?:unreleased|not (?:yet )?released|in development|release ?date\W+(?:unreleased|TB[DA]).{0,20})\W*",
    re.IGNORECASE,
)
_VERSION = re.compile(r"\d+\.\d+|\d{4}-\d\d-\d\d")
_KEPT = re.compile(r"keep ?a ?changelog", re.IGNORECASE)
_ATX = re.compile(r"(#{1,6})\s+(.{1,200}?)\s*#{0,6}")
_UNDERLINE = re.compile(r"([=\-~^\"'*+.`_:#])\1{2,}")
_BOLD = re.compile(r"\*\*([^*]{1,60})\*\*:?|([A-Z][\w ]{1,40}):")
_BULLET = re.compile(r"( {0,3}[-*+•])( {1,4})\S")
_SECTIONS = ("added", "changed", "deprecated", "removed", "fixed", "security")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a changelog."""

    title: str
    depth: int
    """The smaller, the more it spans; of a line in bold, the greatest."""
    first: int
    """Number of its first line."""
    body: int
    """Number of the line after it."""


def add_entry(path: str, data: bytes, change: Change) -> bytes | None:
    """Return a changelog with an entry for a change; None where nothing in it is for what comes next.

    Every byte that was there before stays as it is.

    Args:
        path: of the file, which says its markup.
        data: its content.
        change: of which nothing is trusted.
    """
    lines = _LINE.findall(data.decode("utf-8", "surrogateescape"))
    headings = headings_of(lines)
    form = form_of(lines, PurePosixPath(path).suffix)
    section = next((one for one in headings if _is_unreleased(one, lines)), None)
    released = next((one for one in headings if one is not section and _VERSION.search(one.title)), None)
    if section is not None and released is not None and released.first < section.first:
        section = None
    if section is not None:
        added = _within(section, headings, lines, form, change)
    elif released is not None and _KEPT.search("".join(lines[:_SEARCHED])) and released.depth == 2:
        entry = "\n".join(form.entry(change))
        added = (released.first, f"## [Unreleased]\n\n### Fixed\n\n{entry}\n\n")
    else:
        return None
    return _inserted(lines, *added).encode("utf-8", "surrogateescape")


def headings_of(lines: Sequence[str]) -> list[Heading]:
    """Return the headings of a text in Markdown, reStructuredText or plain underlined text."""
    found: list[Heading] = []
    signs: list[str] = []
    fenced = False
    for number, raw in enumerate(lines):
        line = raw.rstrip()
        fenced ^= line.lstrip().startswith("```")
        if fenced or not line or line[0].isspace():
            continue
        below = lines[number + 1].rstrip() if number + 1 < len(lines) else ""
        over = number > 0 and _UNDERLINE.fullmatch(lines[number - 1].rstrip()) is not None
        if match := _ATX.fullmatch(line):
            found.append(Heading(match[2], len(match[1]), number, number + 1))
        elif _UNDERLINE.fullmatch(below) and not _UNDERLINE.fullmatch(line) and not _BULLET.match(line):
            above = over and lines[number - 1].rstrip() == below
            sign = below[0] * (1 + above)
            signs += [sign] * (sign not in signs)
            found.append(Heading(line, 1 + signs.index(sign), number - above, number + 2))
        elif match := _BOLD.fullmatch(line):
            found.append(Heading(match[1] or match[2], 9, number, number + 1))
    return found


def _is_unreleased(heading: Heading, lines: Sequence[str]) -> bool:
    if heading.first > _SEARCHED or heading.depth > 3:
        return False
    title = heading.title.strip("[] ")
    if _UNRELEASED.search(title):
        return True
    told = [line.strip() for line in lines[heading.body : heading.body + 6] if line.strip()]
    return bool(_VERSION.search(title) and told and _UNRELEASED_LINE.fullmatch(told[0]))


def _within(
    section: Heading, headings: Sequence[Heading], lines: Sequence[str], form: EntryForm, change: Change
) -> tuple[int, str]:
    """Return before which line of an unreleased section what is put."""
    end = _end(section, headings, lines)
    parts = [one for one in headings if section.first < one.first < end]
    entry = "".join(f"{line}\n" for line in form.entry(change))
    fixes = next((one for one in parts if _FIXES.search(one.title)), None)
    if fixes is not None:
        return _after_items(fixes.body, _end(fixes, headings, lines), lines, entry, form)
    direct = parts[0].first if parts else end
    named = [one for one in parts if one.title.lower() in _SECTIONS]
    if named or (
        not parts and not _items(section.body, direct, lines) and _KEPT.search("".join(lines[:_SEARCHED]))
    ):
        return _new_part(section, named, end, lines, entry)
    return _after_items(section.body, direct, lines, entry, form)


def _end(heading: Heading, headings: Sequence[Heading], lines: Sequence[str]) -> int:
    """Return the number of the line after all that a heading spans."""
    return next(
        (one.first for one in headings if one.first > heading.first and one.depth <= heading.depth),
        len(lines),
    )


def _items(start: int, end: int, lines: Sequence[str]) -> list[int]:
    return [number for number in range(start, end) if _BULLET.match(lines[number])]


def _after_items(start: int, end: int, lines: Sequence[str], entry: str, form: EntryForm) -> tuple[int, str]:
    items = _items(start, end, lines)
    if not items:
        said = [number for number in range(start, end) if lines[number].strip()]
        at = said[-1] + 1 if said else start
        following = at < len(lines) and bool(lines[at].strip())
        return at, f"\n{entry}{chr(10) * following}"
    at = items[-1] + 1
    while at < end and _continues(at, end, lines):
        at += 1
    blanks = [not lines[number - 1].strip() for number in items[1:]]
    apart = sum(blanks) * 2 > len(blanks) if blanks else form.apart
    return at, f"\n{entry}" if apart else entry


def _continues(at: int, end: int, lines: Sequence[str]) -> bool:
    """Return whether a line belongs to the item above: it is indented, or blank before such a one."""
    if lines[at].strip():
        return lines[at][0].isspace()
    after = next((lines[number] for number in range(at, end) if lines[number].strip()), "")
    return bool(after) and after[0].isspace()


def _new_part(
    section: Heading, named: Sequence[Heading], end: int, lines: Sequence[str], entry: str
) -> tuple[int, str]:
    """Return where `Fixed` goes in a section of Keep a Changelog, before `Security` and after the others."""
    later = next((one for one in named if one.title.lower() == "security"), None)
    marks = "#" * named[0].depth if named else "#" * (section.depth + 1)
    if later is not None:
        return later.first, f"{marks} Fixed\n\n{entry}\n"
    said = [
        number
        for number in range(section.body, end)
        if lines[number].strip() and not lines[number].startswith("[")
    ]
    at = said[-1] + 1 if said else section.body
    following = at < len(lines) and bool(lines[at].strip())
    return at, f"\n{marks} Fixed\n\n{entry}{chr(10) * following}"


def _inserted(lines: Sequence[str], at: int, text: str) -> str:
    """Return a text with further lines, which end as its own do."""
    end = "\r\n" if lines and lines[max(0, at - 1)].endswith("\r\n") else "\n"
    if at and not lines[at - 1].endswith("\n"):
        if lines[0].endswith("\r\n"):
            end = "\r\n"
        text = f"\n{text.rstrip(chr(10))}"
    return "".join([*lines[:at], text.replace("\n", end), *lines[at:]])
