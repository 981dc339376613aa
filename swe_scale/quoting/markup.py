"""Text in the forms that are rendered: Markdown, reStructuredText, and blocks of code."""

import re
from collections.abc import Callable, Iterator

from swe_scale.quoting.plain import TRAILER, shortened, visible

LARGEST = 65_536
"""Characters of a text that GitHub takes."""
_SPAN = re.compile(r"(?<!`)(?:`([^`\n]+)`|``([^`\n]+)``)(?!`)")
_WORD = re.compile(r"(\s+)")
_OPENING = "([{\"'*_~<,;:"
_ENDING = ")]}\"'*_~>,.;:!?"
_ACTS = re.compile(r"[@#]\w|:/|(?i:www\.)|(?i:(?<![^\W_])gh-\d)|!\d")
_COMMAND = re.compile(r"/[A-Za-z]|::|##")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([\w+-]{0,20})[^`\n]*")
_LANGUAGE = re.compile(r"[\w+-]{0,40}", re.ASCII)
_LONGEST_RUN = 32
"""Backticks in a row that are kept within a block of code, whose fence is one longer."""
_TICKS = re.compile(f"`{{{_LONGEST_RUN + 1},}}")
_UNDERLINE = re.compile(r"[-=:|\s]+")
"""What makes the line above a heading, or the head of a table, where code no longer holds together."""
_PLACE = r"(?:[\w./-]{0,100}#\d+|gh-\d+|https?://[^\s/]{1,100}/\S{0,200}\d)"
_CLOSING = re.compile(
    r"\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?)"
    rf":?\s+(?:issues?\s+)?{_PLACE}(?:[\s,&]+(?:and\s+)?{_PLACE})*",
    re.IGNORECASE,
)
_Joint = Callable[[str, str], str]
"""Returns what stands between two pieces, of which one is code, by the characters that would touch."""


def fenced(text: str, most: int = LARGEST, language: str = "") -> str:
    """Return text as a block of code that nothing in it can end, with what would close an issue pulled apart.

    Args:
        most: characters of it, the fence included.
        language: letters, digits, `+` and `-`; what holds anything else is left out.
    """
    language = language if _LANGUAGE.fullmatch(language) else ""
    shown = _TICKS.sub(f"{_LONGEST_RUN * '`'}…", unclosing(visible(text[: 2 * most])))
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    room = max(0, most - 2 * len(fence) - len(language) - 6)
    cut = (shown if len(shown) <= room else f"{shown[:room]}\n…").rstrip("\n")
    return f"{fence}{language}\n{cut}\n{fence}"


def unclosing(code: str) -> str:
    """Return text of which no part closes an issue as it stands, even as the message of a commit.

    References after a word that closes get a blank; all else stays as it is, so that it serves for code.
    """

    def apart(match: re.Match[str]) -> str:
        return re.sub(r"(?i)(#|gh-|:)(?=\d|//)", r"\1 ", match[0])

    return _CLOSING.sub(apart, code)


def markdown_text(text: str, most: int = LARGEST) -> str:
    """Return text for GitHub's or GitLab's Markdown: paragraphs, lists, code and nothing else that acts.

    Mentions, references, addresses and commands become code. Links, images, headings, HTML and the like are
    shown as they were written. Code stays code.

    Args:
        most: characters of it; what is too long is cut, and ends with an ellipsis.
    """
    parts: list[str] = []
    room = most - 4
    for part in _parts(visible(text[:most])):
        made = part(room)
        if len(made) > room:
            break
        parts.append(made)
        room -= len(made) + 1
    else:
        whole = "\n".join(parts)
        return whole if len(text) <= most else f"{whole} …"
    return "\n".join([*parts, "…"])


def _parts(text: str) -> Iterator[Callable[[int], str]]:
    """Yield what makes each line or block of code of a text, given the characters that there is room for."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        opened = _FENCE.fullmatch(lines[at])
        if opened is None:
            yield _line_maker(lines[at])
            at += 1
            continue
        closing = re.compile(rf" {{0,3}}{opened[1][0]}{{{len(opened[1])},}}\s*")
        end = next((n for n in range(at + 1, len(lines)) if closing.fullmatch(lines[n])), len(lines))
        yield _fence_maker("\n".join(lines[at + 1 : end]), opened[2])
        at = end + 1


def _line_maker(line: str) -> Callable[[int], str]:
    def make(room: int) -> str:
        made = _markdown_line(line)
        return made if len(made) <= room else _markdown_line(line[: max(0, (room - 8) // 3)]) + " …"

    return make


def _fence_maker(code: str, language: str) -> Callable[[int], str]:
    return lambda room: fenced(code, max(0, room), language)


def _markdown_line(line: str) -> str:
    bare = line.lstrip()
    indent = line[: min(3, len(line) - len(bare))].replace("\t", " ")
    if _UNDERLINE.fullmatch(bare.rstrip()):
        return f"{indent}\\{bare}"
    return indent + _formatted(
        TRAILER.sub(r"\1", bare), _markdown_escaped, lambda code: f"`{unclosing(code)}`", _markdown_joint
    )


def rst_line(text: str, most: int = 500) -> str:
    """Return text as one line of reStructuredText that holds no directive, role, link or substitution.

    Args:
        most: characters of the text that are taken, before signs are escaped.
    """
    line = shortened(" ".join(visible(text[: 4 * most + 1000]).split()), most)
    made = _formatted(line, _rst_escaped, lambda code: f"``{code}``", _rst_joint)
    made = re.sub(r":{2,}$", ":", made)
    return f"\\{made}" if re.match(r"[-+•.:>=~^\"'#]|\w{1,5}[.)]\s|\(\w{1,5}\)\s", made) else made


def _formatted(line: str, escaped: Callable[[str], str], code: Callable[[str], str], joint: _Joint) -> str:
    """Return a line with its code kept, what acts made code, and all else escaped."""
    made = ""
    was_code = False
    for is_code, piece in _pieces(line):
        if not piece:
            continue
        shown = code(piece) if is_code else escaped(piece)
        before, after = made[-1:] or " ", shown[:1]
        made += (joint(before, after) if is_code or was_code else "") + shown
        was_code = is_code
    return made


def _markdown_joint(before: str, after: str) -> str:
    return " " if before == after == "`" else ""


def _rst_joint(before: str, after: str) -> str:
    """Return what parts code from what it touches where it would not be taken for code otherwise."""
    opens = after == "`" and (before.isspace() or before in "'\"([{<-/:")
    closes = before == "`" and (after.isspace() or after in "'\")]}>-/:.,;!?")
    return "" if opens or closes else "\\ "


def _pieces(line: str) -> Iterator[tuple[bool, str]]:
    """Yield the pieces of a line, and of each whether it is code."""
    at = 0
    for span in _SPAN.finditer(line):
        yield from _words(line[at : span.start()], first=not at)
        inner = (span[1] or span[2]).strip()
        yield (True, inner) if inner else (False, span[0])
        at = span.end()
    yield from _words(line[at:], first=not at)


def _words(text: str, *, first: bool) -> Iterator[tuple[bool, str]]:
    for number, word in enumerate(_WORD.split(text.replace("`", "'"))):
        if first and number == 0 and _COMMAND.match(word):
            yield True, word
        elif _ACTS.search(word):
            core = word.lstrip(_OPENING)
            inner = core.rstrip(_ENDING)
            yield False, word[: len(word) - len(core)]
            yield True, inner
            yield False, core[len(inner) :]
        else:
            yield False, word


def _markdown_escaped(text: str) -> str:
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])|[\\*<>\[\]#&~$|]", r"\\\g<0>", text.replace("`", "'"))


def _rst_escaped(text: str) -> str:
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])|[\\*|]", r"\\\g<0>", text.replace("`", "'"))
