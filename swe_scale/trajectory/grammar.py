"""The language in which models answer: tags at the start of a line, content between their lines.

Tags and not Markdown fences, because source code holds fences of its own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from swe_scale.trajectory.shell import Reader

_OPEN = re.compile(r'<(check|edit|create)((?:\s+\w+="[^"]*")*)\s*>\s*$')
_SINGLE = re.compile(r'<(delete|rename|done|reset|submit|choose)((?:\s+\w+="[^"]*")*)\s*/>\s*$')
_ANY = re.compile(r"</?(check|edit|create|delete|rename|done|reset|submit|choose)\b")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_SEARCH, _DIVIDE, _REPLACE = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"
_MOST_DIVIDES = 50
"""Each of them is looked for in the whole file."""
_FENCE = "```"
_COMMANDS = re.compile(r" {0,3}(`{3,})(?:bash|sh|shell)\s*$", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
"""No file or command can hold one."""

FORMS = {
    "check": '<check> or <check language="…">',
    "edit": '<edit path="…">',
    "create": '<create path="…">',
    "delete": '<delete path="…"/>',
    "rename": '<rename from="…" to="…"/>',
    "done": "<done/>",
    "reset": "<reset/>",
    "submit": "<submit/>",
    "choose": '<choose candidate="…"/>',
}
_ATTRIBUTES = {
    "check": ({"language"}, set[str]()),
    "edit": ({"path"}, {"path"}),
    "create": ({"path"}, {"path"}),
    "delete": ({"path"}, {"path"}),
    "rename": ({"from", "to"}, {"from", "to"}),
    "choose": ({"candidate"}, {"candidate"}),
}


class Malformed(Exception):
    """A reply that isn't in the language; the text says precisely where and why, to the model."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of a reply, in its order."""

    name: str
    attributes: dict[str, str]
    lines: tuple[str, ...] = ()
    """Its content, for those that have one."""
    number: int = 0
    """Line of the reply on which it begins, from 1."""


@dataclass(frozen=True, slots=True)
class Block:
    """A search/replace block whose dividing line may be any of several `=======` lines."""

    lines: tuple[str, ...]
    divides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A check as the model wrote it."""

    text: str
    language: str


def _attributes(name: str, text: str, number: int) -> dict[str, str]:
    pairs = _ATTRIBUTE.findall(text)
    found = dict(pairs)
    known, needed = _ATTRIBUTES.get(name, (set(), set()))
    if not needed <= found.keys() <= known or len(pairs) != len(found):
        raise Malformed(f"line {number}: the tag must be written {FORMS[name]}")
    return found


def parse(reply: str) -> tuple[Tag, ...]:
    """Return the tags of a reply.

    Raises:
        Malformed: a tag is misspelt, unclosed, or there is none.
    """
    _refuse_surrogates(reply)
    lines = reply.replace("\r\n", "\n").split("\n")
    tags: list[Tag] = []
    at = 0
    while at < len(lines):
        line, number = lines[at], at + 1
        at += 1
        if found := _SINGLE.match(line):
            tags.append(Tag(found[1], _attributes(found[1], found[2], number), (), number))
        elif found := _OPEN.match(line):
            name = found[1]
            attributes = _attributes(name, found[2], number)
            try:
                end = next(i for i in range(at, len(lines)) if lines[i].rstrip() == f"</{name}>")
            except StopIteration:
                raise Malformed(f"line {number}: <{name}> is never closed by a line </{name}>") from None
            tags.append(Tag(name, attributes, tuple(lines[at:end]), number))
            at = end + 1
        elif found := _ANY.match(line):
            if line.startswith("</"):
                raise Malformed(f"line {number}: </{found[1]}> closes nothing")
            raise Malformed(f"line {number}: the tag must stand alone on its line, as {FORMS[found[1]]}")
    if not tags:
        indented = next((i for i, line in enumerate(lines, start=1) if _ANY.match(line.strip())), None)
        if indented is not None:
            raise Malformed(f"line {indented}: a tag must begin at the start of its line")
        raise Malformed("there is no tag in the reply")
    return tuple(tags)


def _refuse_surrogates(reply: str) -> None:
    if _SURROGATE.search(reply):
        raise Malformed("the reply holds characters that aren't text: halves of a surrogate pair")


def unfenced(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return content without a Markdown fence around the whole of it, which models like to add."""
    body = list(lines)
    while body and not body[-1].strip():
        body.pop()
    first = next((i for i, line in enumerate(body) if line.strip()), 0)
    if len(body) - first >= 2 and body[first].startswith(_FENCE) and body[-1].strip() == _FENCE:
        return tuple(body[first + 1 : -1])
    return lines


def script_of(tag: Tag, languages: Sequence[str] = ("python", "sh")) -> Script:
    """Return the script of a `check` tag.

    Args:
        tag: as it was parsed.
        languages: that a check may be in; one that doesn't say is in the first.

    Raises:
        Malformed: it is empty, or in another language.
    """
    language = tag.attributes.get("language", languages[0])
    if language not in languages:
        known = " or ".join(f'"{one}"' for one in languages)
        raise Malformed(f"line {tag.number}: a check's language is {known}")
    text = "\n".join(unfenced(tag.lines)).strip("\n")
    if not text.strip():
        raise Malformed(f"line {tag.number}: the check is empty")
    return Script(text + "\n", language)


def blocks_of(tag: Tag) -> tuple[Block, ...]:
    """Return the search/replace blocks of an `edit` tag.

    Raises:
        Malformed: a marker is missing, or something stands between the blocks.
    """
    lines = unfenced(tag.lines)
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip():
            continue
        if line.rstrip() != _SEARCH:
            raise Malformed(f"in <edit> of line {tag.number}: expected `{_SEARCH}`, found `{line[:60]}`")
        try:
            end = next(i for i in range(at, len(lines)) if lines[i].rstrip() == _REPLACE)
        except StopIteration:
            raise Malformed(f"in <edit> of line {tag.number}: `{_REPLACE}` is missing") from None
        body = lines[at:end]
        divides = tuple(i for i, text in enumerate(body) if text.rstrip() == _DIVIDE)
        if not divides:
            raise Malformed(f"in <edit> of line {tag.number}: `{_DIVIDE}` is missing")
        if len(divides) > _MOST_DIVIDES:
            raise Malformed(
                f"in <edit> of line {tag.number}: a block holds {len(divides)} lines `{_DIVIDE}`, of which "
                f"{_MOST_DIVIDES} are tried: replace fewer lines at a time"
            )
        blocks.append(Block(body, divides))
        at = end + 1
    if not blocks:
        raise Malformed(f"<edit> of line {tag.number} holds no `{_SEARCH}` block")
    return tuple(blocks)


def command_of(reply: str) -> str | None:
    """Return the shell command of an agent's reply; None if the reply submits.

    Raises:
        Malformed: there is not exactly one block, or a block and a submission, or no command can be so.
    """
    _refuse_surrogates(reply)
    lines = reply.replace("\r\n", "\n").split("\n")
    opened = [(i, found[1]) for i, line in enumerate(lines) if (found := _COMMANDS.match(line))]
    start, fence = opened[0] if opened else (len(lines), _FENCE)
    end = _closing(lines, start, fence)
    submits = any(line.strip() == "<submit/>" for line in (*lines[:start], *lines[end + 1 :]))
    if submits and not opened:
        return None
    if submits:
        raise Malformed("a reply either runs a command or submits, not both")
    blocks = [i for i, ticks in opened if i == start or i > end]
    if len(blocks) != 1:
        raise Malformed(f"expected exactly one ```bash block, found {len(blocks)}")
    if end == len(lines):
        raise Malformed(f"the ```bash block is never closed by a line {fence}")
    command = "\n".join(lines[start + 1 : end])
    if not command.strip():
        raise Malformed("the ```bash block is empty")
    if "\0" in command:
        raise Malformed("the command holds a NUL character, which bash can't be given")
    return command


def _closing(lines: Sequence[str], start: int, fence: str) -> int:
    """Return where the fence of a block is that closes it; behind the last line where there is none.

    A command may hold fences of its own: the first one at which it is complete counts, else the last.
    """
    command, last = Reader(), len(lines)
    for i in range(start + 1, len(lines)):
        if lines[i].strip() == fence:
            last = i
            if command.complete:
                break
        command.read(lines[i])
    return last
