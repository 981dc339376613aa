"""Text as one plain line, and what every form has in common: all of it can be seen."""

import re
import unicodedata

_BREAKS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""What has no shape of its own, though Unicode takes it for letters and marks."""
_MARKS = 3
"""Combining marks on one character that are kept; more of them cover the lines around."""
_MARKER = re.compile(
    r"(?<!\w)\[([A-Za-z][A-Za-z -]{0,40})\]|\[((?:skip|no)[ -](?:ci|actions)|(?:ci|actions)[ -]skip)\]",
    re.IGNORECASE,
)
"""What a CI service may take for a command."""
TRAILER = re.compile(
    r"((?:[A-Za-z]{1,20}-){1,4}(?:by|to|id|checks|pr)|BREAKING[ -]CHANGE)[\s:]*:", re.IGNORECASE
)
"""By what a message of a commit tells of people, and of what it breaks."""
_FIRST = re.compile(r"(?:(?:::+|##+|(?:fixup|squash|amend)!)\s*)+", re.IGNORECASE)
"""What at the beginning of a line commands a CI job, or git."""


def visible(text: str) -> str:
    """Return text of which everything can be seen: no control, format or filling character is left.

    Ends of lines become newlines, odd spaces plain ones, and what stands for nothing that can be shown the
    replacement character. Marks that change the direction, joiners and tags are gone.
    """
    text = _UNSEEN.sub("", _BREAKS.sub("\n", text))
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MARKS:
            kept.append(_shown(character))
    return "".join(kept)


def _shown(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    return {"Zs": " ", "Cf": ""}.get(unicodedata.category(character), "\ufffd")


def plain_line(text: str, most: int = 200) -> str:
    """Return text as one line for where nothing is formatted: titles, and messages of commits.

    Mentions, references, addresses, trailers and marks such as `[skip ci]` lose the sign by which they act.
    What is too long ends at a word.

    Args:
        most: characters of it.
    """
    line = " ".join(visible(text[: 4 * most + 1000]).replace("***", "").split())
    line = line[first.end() :] if (first := _FIRST.match(line)) else line
    line = TRAILER.sub(r"\1", _MARKER.sub(r"(\1\2)", line))
    line = re.sub(r"[:\s]*:/{2,}", ":", line)
    line = re.sub(r"@+(?=\w)", "(at)", line)
    line = re.sub(r"(?<=[\w)])#+(?=\d)", " no. ", line)
    line = re.sub(r"(?<!\w)!+(?=\d)|#+(?=\d)", "no. ", line)
    line = re.sub(r"#+(?=\w)", "# ", line)
    return shortened(re.sub(r"(?i)(?<![^\W_])gh-(?=\d)", "GH ", line), most)


def shortened(line: str, most: int) -> str:
    """Return a line of at most so many characters, cut after a word where it is too long."""
    if len(line) <= most:
        return line
    head = line[: most - 1]
    at = most - 1 if line[most - 1] == " " else head.rfind(" ")
    return head[: at if at > most // 2 else most - 1].rstrip(" ,;:-") + "…"
