"""A change in the project's own manner of writing."""

from dataclasses import dataclass

from swe_scale.quoting import plain_line

_LONGEST_TITLE = 72


@dataclass(frozen=True, slots=True)
class Words:
    """What a change is called."""

    title: str
    """Of the pull request, and the first line of the commit."""
    message: str
    """Of the commit, with the title and trailers."""
    closes: str
    """The line by which the pull request closes the issue."""


def plain_words(title: str, number: int) -> Words:
    """Return a change's words where nothing is known of the project's manner.

    Args:
        title: of the issue; anything.
        number: of the issue.
    """
    named = plain_line(title, _LONGEST_TITLE - 10) or f"issue {number}"
    subject = f"Fix {named}"
    closes = f"Fixes #{number}"
    return Words(subject, f"{subject}\n\n{closes}\n", closes)
