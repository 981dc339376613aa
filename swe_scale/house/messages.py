"""Writes the title of a change and the message of its commit, in the project's own form."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from swe_scale.errors import UsageError
from swe_scale.house.change import Change
from swe_scale.house.habits import Habits
from swe_scale.house.subjects import read_subject
from swe_scale.quoting import plain_line, shortened

_PARAGRAPHS = 20
"""Paragraphs of a message that are kept."""
_PARAGRAPH = 2000
"""Characters of one."""
_TAGGED = re.compile(
    r"^\((?:bug|fix|feature|feature request|issue|regression|question)[\w ]{0,20}\)[:\s]*", re.IGNORECASE
)
"""What an issue's title begins with, once its brackets are made harmless."""
_ENDS_MAIL = re.compile(r"---|diff -|Index: |From |>From ")
"""Lines at which `git am` takes the message for ended."""
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f<>\n]{1,100}")
_EMAIL = re.compile(r"[^\s<>@]{1,100}@[^\s<>@]{1,100}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signs off, as the user has configured it."""

    name: str
    email: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not self.name.strip():
            raise UsageError(
                f"the name to sign off with can't be {self.name[:80]!r}. Give one line without < and >."
            )
        if not _EMAIL.fullmatch(self.email):
            raise UsageError(
                f"the address to sign off with can't be {self.email[:80]!r}. Give one like a@example.org."
            )


@dataclass(frozen=True, slots=True)
class Message:
    """The message of a commit, and what it lacks that the project wants."""

    text: str
    lacks: tuple[str, ...] = ()


def title_of(change: Change, habits: Habits, scope: str = "") -> str:
    """Return the title of a change: the subject of its commit, and of its pull request.

    Args:
        change: of which nothing is trusted.
        habits: of the project.
        scope: part of the project that it is about, in whoever's words; empty where none is known.
    """
    before = _lead(change, habits, plain_line(scope, 60))
    after = f" {habits.trailing.format(change.issue)}" if habits.trailing and change.issue else ""
    text = _TAGGED.sub("", plain_line(change.summary, 400), count=1).rstrip(".!… ")
    own = read_subject(text)
    text = own.text if own.kind == "label" and (own.repairs or not own.unsure) else text
    text = shortened(text or _nothing_said(change), max(20, habits.longest - len(before) - len(after)))
    return f"{before}{_cased(text, habits)}{'.' * (habits.stop and text[-1] not in '.…!?')}{after}"


def _nothing_said(change: Change) -> str:
    return f"resolve issue {change.issue}" if change.issue else "repair a fault"


def _lead(change: Change, habits: Habits, scope: str) -> str:
    match habits.kind:
        case "reference":
            return habits.lead.format(change.issue) if change.issue else ""
        case "gitmoji":
            return f"{habits.label}{' ' * habits.spaced}"
        case "module":
            return f"{scope}: " if scope else ""
        case "bracketed":
            return f"[{scope}] " if scope else ""
        case "label" if habits.scoped and scope:
            return f"{habits.label}: {scope}: " if habits.label.isupper() else f"{habits.label}({scope}): "
        case "label":
            return f"{habits.label}: "
        case _:
            return ""


def _cased(text: str, habits: Habits) -> str:
    """Return text that begins as the project has it, unless its first word is a name."""
    word = re.match(r"[^\W\d_]+(?=[\s,:']|$)", text)
    if word is None or not (word[0].islower() or word[0].istitle()):
        return text
    if habits.capital:
        return text[0].upper() + text[1:]
    return text if word[0] in habits.names else text[0].lower() + text[1:]


def commit_message(
    change: Change, habits: Habits, scope: str = "", signer: Identity | None = None
) -> Message:
    """Return the message of the commit: title, what was done, the line that closes the issue, the sign-off.

    Args:
        change: of which nothing is trusted.
        habits: of the project.
        scope: part of the project that it is about; empty where none is known.
        signer: who signs off, where the project wants it. None: that it is missing is said.
    """
    parts = [title_of(change, habits, scope), *_paragraphs(change.paragraph, habits.width)]
    if change.issue and habits.kind != "reference" and not habits.trailing:
        parts.append(closing_line(change.issue, habits))
    if not habits.sign_off:
        return Message("\n\n".join(parts) + "\n")
    if signer is None:
        lack = "the project wants a Signed-off-by line: configure the name and address to sign off with"
        return Message("\n\n".join(parts) + "\n", (lack,))
    return Message("\n\n".join([*parts, f"Signed-off-by: {signer.name.strip()} <{signer.email}>"]) + "\n")


def closing_line(issue: int, habits: Habits) -> str:
    """Return the line by which the project's commits close an issue."""
    return habits.closes.format(issue)


def _paragraphs(text: str, width: int | None) -> Sequence[str]:
    told = (plain_line(one, _PARAGRAPH) for one in re.split(r"\n\s*\n", text[: _PARAGRAPHS * _PARAGRAPH]))
    kept = [one for one in told if one][:_PARAGRAPHS]
    return [_wrapped(one, width or _PARAGRAPH) for one in kept]


def _wrapped(paragraph: str, width: int) -> str:
    lines = textwrap.wrap(paragraph, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f" {line}" if _ENDS_MAIL.match(line) else line for line in lines)
