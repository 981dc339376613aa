"""The words of a changelog's entry, in the markup of its file."""

import re
import textwrap

from swe_scale.house.change import Change
from swe_scale.quoting import markdown_text, plain_line, rst_line, shortened
from swe_scale.records import digest

LONGEST = 400
"""Characters of an entry."""
_SLUG = 50


def sentence(change: Change, suffix: str, *, stop: bool = True) -> str:
    """Return the entry's text: one line, with a capital and, by default, a full stop.

    Args:
        change: of which nothing is trusted.
        suffix: of the file's name: `.md`, `.rst`, or another for plain text.
        stop: whether it ends with a full stop.
    """
    line = " ".join(change.summary[: 4 * LONGEST].split()).rstrip(". ")
    match suffix:
        case ".md":
            made = markdown_text(shortened(line, LONGEST))
        case ".rst":
            made = rst_line(line, LONGEST)
        case _:
            made = plain_line(line, LONGEST)
    made = made.strip() or (f"Resolve issue {change.issue}" if change.issue else "Repair a fault")
    raised = made[0].upper() + made[1:] if re.match(r"[a-z]+(?=[\s,:']|$)", made) else made
    return raised if raised[-1] in ".!?…:" or not stop else f"{raised}."


def slug(change: Change) -> str:
    """Return a few words of the summary, fit for the name of a file."""
    words = re.sub(r"[^a-z0-9]+", "-", plain_line(change.summary).lower()).strip("-")
    cut = words if len(words) <= _SLUG else words[:_SLUG].rpartition("-")[0] or words[:_SLUG]
    return cut or (f"issue-{change.issue}" if change.issue else "repair")


def token(change: Change) -> str:
    """Return sixteen hexadecimal digits that are always the same for a change."""
    return digest(change.summary, str(change.issue), *change.paths)


def wrapped(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """Return the lines of a text, each of at most so many characters where words allow it.

    Args:
        text: one line.
        width: characters of a line, with what it begins with.
        first: what the first line begins with.
        rest: what the others begin with.
    """
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [first.rstrip()]
