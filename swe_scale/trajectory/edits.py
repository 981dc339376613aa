"""Applies a model's edits to a work tree: exactly, or not at all, and then says what stands there."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from swe_scale.contents.encodings import codec_of
from swe_scale.errors import PatchError
from swe_scale.patch import check_path
from swe_scale.records import Changes, File
from swe_scale.trajectory.grammar import Block, Malformed, Tag, blocks_of, unfenced

_BOM = "\ufeff"
_KEPT = File(mode="100644", data=b"")
_SHOWN = 40
"""Lines of a nearest match that are shown at most."""
_PLACES = 100
"""Places of one text that are counted."""
_WINDOWS = 400
_COMPARED = 5000
"""How many places, and how many lines, are looked at for a nearest match."""
_COMPARED_LINE = 200
"""How many characters of a line."""


class Refused(Exception):
    """An edit that can't be made; the text tells the model why and what it could have meant."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A file's lines, and what must be put back when it is written."""

    lines: list[str]
    newline: str
    bom: str
    codec: str
    """In which it is written. Latin-1 is a guess: only characters that it holds already may be put in."""


def paths_of(tags: tuple[Tag, ...]) -> tuple[str, ...]:
    """Return the paths that edits speak of, each once, in their order."""
    names = ("path", "from", "to")
    named = (tag.attributes[name] for tag in tags for name in names if name in tag.attributes)
    return tuple(dict.fromkeys(named))


def apply_edits(tags: tuple[Tag, ...], files: Mapping[str, File]) -> Changes:
    """Return the changes that edits make, in their order.

    Args:
        tags: `edit`, `create`, `delete` and `rename` tags.
        files: those files of `paths_of(tags)` that exist.

    Raises:
        Refused: one can't be made; then none is.
        Malformed: the content of a tag isn't in the language.
    """
    now: dict[str, File | None] = dict(files)
    for tag in tags:
        for path in paths_of((tag,)):
            _check(path)
        match tag.name:
            case "edit":
                path = tag.attributes["path"]
                now[path] = _replace(path, _existing(now, path), blocks_of(tag))
            case "create":
                path = tag.attributes["path"]
                if now.get(path) is not None:
                    raise Refused(f"{path} exists already: use <edit>, or <delete> it first")
                now[path] = File(mode="100644", data=_content(path, tag).encode())
            case "delete":
                path = tag.attributes["path"]
                _existing(now, path)
                now[path] = None
            case "rename":
                old, new = tag.attributes["from"], tag.attributes["to"]
                if now.get(new) is not None:
                    raise Refused(f"{new} exists already")
                now[new], now[old] = _existing(now, old), None
    return {path: file for path, file in now.items() if file != files.get(path)}


def check_places(changes: Changes, paths: Iterable[str]) -> None:
    """Refuse changes that would put a file in a folder's place, or a folder in a file's.

    Args:
        changes: what `apply_edits` returned.
        paths: of all files before them.

    Raises:
        Refused: they would; whatever is in that folder would be lost.
    """
    left = {path for path in paths if changes.get(path, _KEPT) is not None}
    folders = {parent for path in left for parent in _parents(path)}
    for path, file in changes.items():
        if file is not None and path in folders:
            raise Refused(f"{path} is a folder")
        blocked = next((parent for parent in _parents(path) if parent in left), None)
        if file is not None and blocked is not None:
            raise Refused(f"{path} can't be made: {blocked} is a file")


def _parents(path: str) -> Iterator[str]:
    end = path.find("/")
    while end > 0:
        yield path[:end]
        end = path.find("/", end + 1)


def _check(path: str) -> None:
    try:
        check_path(path)
    except PatchError as error:
        raise Refused(str(error)) from error


def _existing(files: Mapping[str, File | None], path: str) -> File:
    file = files.get(path)
    if file is None:
        raise Refused(f"there is no file {path}; paths are relative to the repository's root")
    return file


def _content(path: str, tag: Tag) -> str:
    lines = tag.lines if path.endswith((".md", ".rst", ".txt")) else unfenced(tag.lines)
    return "".join(f"{line}\n" for line in lines)


def _open(path: str, file: File) -> _Text:
    if file.mode == "120000":
        raise Refused(f"{path} is a symbolic link; delete it and create a file instead")
    codec = codec_of(file.data) or "utf-8"
    if b"\0" in file.data and not codec.startswith("utf-16"):
        raise Refused(f"{path} is binary and can't be edited by search and replace")
    text = file.data.decode(codec, "surrogateescape")
    bom = _BOM if text.startswith(_BOM) else ""
    newline = "\r\n" if "\r\n" in text and text.count("\r\n") == text.count("\n") else "\n"
    return _Text(text[len(bom) :].split(newline), newline, bom, codec)


def _replace(path: str, file: File, blocks: tuple[Block, ...]) -> File:
    text = _open(path, file)
    lines = text.lines
    for block in blocks:
        lines = _replace_one(path, lines, block)
    body = text.bom + text.newline.join(lines)
    own = set(file.data.decode(text.codec, "surrogateescape")) if text.codec == "latin-1" else set(body)
    new = sorted(mark for mark in set(body) - own if ord(mark) > 127)
    try:
        data = body.encode(text.codec, "surrogateescape")
    except UnicodeEncodeError as error:
        new = [body[error.start]]
    if new:
        raise Refused(f"{path} is not UTF-8, and {new[0]!r} can't be put into it; use ASCII characters")
    return File(mode=file.mode, data=data)


def _places(text: str, search: list[str]) -> list[int]:
    """Return the lines at which others are found, at most `_PLACES`; each line begins behind a line feed."""
    wanted = "\n".join(["", *search, ""])
    places: list[int] = []
    line = last = 0
    at = text.find(wanted)
    while at >= 0 and len(places) < _PLACES:
        line, last = line + text.count("\n", last, at), at
        places.append(line)
        at = text.find(wanted, at + 1)
    return places


def _replace_one(path: str, lines: list[str], block: Block) -> list[str]:
    if block.divides[0] == 0:
        raise Malformed(f"a SEARCH part for {path} is empty: name the lines after which to insert")
    text = "\n".join(["", *(line.removesuffix("\r") for line in lines), ""])
    # Of several dividing lines the last one whose SEARCH part is there: an earlier one would put in again
    # what already stands behind it.
    for divide in reversed(block.divides):
        search, new = list(block.lines[:divide]), list(block.lines[divide + 1 :])
        places = _places(text, search)
        if len(places) == 1:
            return _spliced(lines, places[0], len(search), new)
        if places:
            where = ", ".join(str(place + 1) for place in places[:8])
            times = f"{len(places)} times" if len(places) < _PLACES else f"{_PLACES} times or more"
            raise Refused(f"a SEARCH part matches {path} {times} (lines {where}): add lines around it")
    raise Refused(_nearest(path, lines, list(block.lines[: block.divides[0]])))


def _spliced(lines: list[str], place: int, size: int, new: list[str]) -> list[str]:
    if lines[place].endswith("\r"):
        # Some lines of the file end with CRLF, others with LF; replies only know the latter.
        new = [f"{line}\r" for line in new]
    return lines[:place] + new + lines[place + size :]


def _nearest(path: str, lines: list[str], search: list[str]) -> str:
    """Say which lines of the file are most like those that were looked for."""
    wanted = Counter(line.strip() for line in search if line.strip())
    size = min(len(search), _SHOWN)

    def shared(start: int) -> int:
        here = Counter(line.strip() for line in lines[start : start + size] if line.strip())
        return (here & wanted).total()

    start = max(_starts(lines, wanted, size), key=shared, default=None)
    if start is None:
        return f"a SEARCH part matches nothing in {path}, nor anything like it"
    shown = "\n".join(f"{start + i + 1:5} {line}" for i, line in enumerate(lines[start : start + size]))
    # Bytes that aren't UTF-8 can't be sent to a model.
    shown = shown.encode("utf-8", "replace").decode()
    return f"a SEARCH part doesn't match {path} exactly. The lines most like it are:\n{shown}"


def _starts(lines: list[str], wanted: Counter[str], size: int) -> list[int]:
    """Return where windows worth comparing begin: around lines that were looked for, or nearly."""
    found: set[int] = set()
    for i, line in enumerate(lines):
        if line.strip() in wanted:
            found.update(range(max(0, i - size + 1), i + 1))
            if len(found) > _WINDOWS:
                break
    if not found and wanted:
        heads = [line.strip()[:_COMPARED_LINE] for line in lines[:_COMPARED]]
        close = get_close_matches(max(wanted, key=len)[:_COMPARED_LINE], heads, 1)
        found.update(i for i, head in enumerate(heads) if head in close)
    return sorted(found)
