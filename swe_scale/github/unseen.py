"""What of a page's text no reader sees, and what in it reads as if it were meant for a model.

An issue is shown to models as a person sees it: text that is hidden from people was not written for them.
What is meant for a model can't be told for sure; it is reported, and a person looks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NOWHERE = r"""
    (?:(?<=\n\n)|\A)[ ]{0,3}\[[^\]\n]{1,99}\]:[ \t]{1,9}(?:\#|<>)[ \t]{1,9}
    (?:\([^()\n]{0,9999}\) | "[^"\n]{0,9999}" | '[^'\n]{0,9999}')[ \t]{0,9}$
"""
"""A reference that leads nowhere, `[//]: # (text)`: what some write comments with."""
_PARTS = re.compile(
    rf"""
      (?P<hidden>{_COMMENT.pattern} | {_NOWHERE})
    | ^[ ]{{0,3}}(?P<fence>`{{3,}}+|~{{3,}}+)[^\n]*+\n.*?(?:^[ ]{{0,3}}(?P=fence)[`~]*+[ \t]*+$|\Z)
    | `[^`\n]+`
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
"""What isn't shown, and code, in which nothing is hidden."""
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_FEW_INVISIBLE = 3
"""Characters without a shape up to which they are slips, such as a mark of byte order or a joined emoji."""
_WORDS = re.compile(
    r"""
      \b(?:ignore|disregard|forget|override|bypass)\b.{0,40}
        \b(?:previous|prior|above|earlier|preceding|system|all|your)\b.{0,30}
        \b(?:instructions?|prompts?|messages?|rules?|guidelines?|directions?|context)\b
    | \b(?:new|updated|real|actual|hidden|system)\s+(?:instructions?|prompts?)\s*(?::|for\b)
    | \b(?:if\s+you\s+are|as|you\s+are(?:\s+now)?)\s+an?\s+
        (?:AI|LLM|language\s+model|automated|coding\s+agent)\b
    | \b(?:note|message|attention|instructions?|important)\s*(?:to|for)\s+(?:all\s+)?
        (?:AI|LLMs?|agents?|bots?|assistants?|models?)\b
    | <\s*/?\s*(?:system|assistant|user|instructions?)\s*> | \[/?INST\]
    | <\|(?:im_start|im_end|system|endoftext)\|>
    | \b(?:print|echo|send|post|upload|include|reveal|leak|exfiltrate|dump|output)\b.{0,60}
        \b(?:environment\s+variables|env\s+vars|secrets|(?:api|access|private|ssh)[\s_-]?keys?|tokens
        |credentials|system\s+prompt)\b
    | \b(?:do\s+not|don't|never)\s+(?:mention|tell|reveal|report|disclose)\b.{0,40}
        \b(?:this|user|maintainers?|reviewers?|anyone|human)\b
    | \b(?:curl|wget)\b[^\n|]{0,200}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_MOST = 5
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Seen:
    """A text as a reader sees it, and what a maintainer should know of it."""

    text: str
    warnings: tuple[str, ...] = ()


def seen(text: str, place: str) -> Seen:
    """Return a Markdown text without what its page doesn't show, and what is suspicious in it.

    Code stays as it is but for characters without a shape.

    Args:
        text: as GitHub has it.
        place: where it stands, for the warnings: `the issue`, `comment 3`.
    """
    # GitHub's own forms end lines with both signs, which no rule below expects.
    text = text.replace("\r\n", "\n")
    without = _INVISIBLE.sub("", text)
    invisible = len(text) - len(without)
    shown, hidden = _uncommented(without)
    warnings = list(_of_hidden(hidden, place))
    if invisible > _FEW_INVISIBLE:
        warnings.append(f"{place} holds {invisible} characters that nobody sees; models weren't shown them.")
    warnings += [f"{place} reads as if it were meant for a model: {quote}" for quote in _meant(shown)]
    return Seen(shown, tuple(warnings[:_MOST]))


def _uncommented(text: str) -> tuple[str, list[str]]:
    """Return a text without comments, those in code kept, and what they held."""
    hidden = [part["hidden"] for part in _PARTS.finditer(text) if part["hidden"]]
    return _PARTS.sub(lambda part: "" if part["hidden"] else part[0], text), hidden


def _of_hidden(hidden: list[str], place: str) -> Iterator[str]:
    for comment in hidden:
        for quote in _meant(comment):
            yield f"{place} hides, where only models would see it: {quote}"


def _meant(text: str) -> Iterator[str]:
    for match in _WORDS.finditer(text):
        words = " ".join(match[0].split())
        yield f"“{words[:_LONGEST]}{'…' if len(words) > _LONGEST else ''}”"
