"""Reads a repository's Dockerfile: what it starts from, and how it is built where set-up is watched."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"#\s*(?P<name>\w+)\s*=\s*(?P<value>\S+)\s*")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\}|(?P<plain>\w+))")
_CACHE = re.compile(r"(^|\s)--mount=type=(?:cache|tmpfs)\S*")
_LINK = re.compile(r"(^|\s)--link(?:=\w+)?(?=\s)")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its continued lines, as written."""

    text: str
    name: str
    """In upper case; empty of comments and blank lines."""
    rest: str
    """What follows the name, on one line."""


def instructions(text: str) -> Iterator[Instruction]:
    """Yield what a Dockerfile consists of, comments and blank lines too; joined, they are its text."""
    escape, heading = "\\", True
    held: list[str] = []
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        if heading and (found := _DIRECTIVE.fullmatch(stripped)):
            escape = found["value"] if found["name"].lower() == "escape" else escape
        elif stripped:
            heading = False
        comment = stripped.startswith("#") or not stripped
        held.append(line)
        if (comment and len(held) > 1) or (not comment and stripped.endswith(escape)):
            continue
        yield _instruction(held, escape)
        held = []
    if held:
        yield _instruction(held, escape)


def _instruction(lines: Sequence[str], escape: str) -> Instruction:
    said = [line.strip() for line in lines]
    joined = " ".join(line.removesuffix(escape).strip() for line in said if line and not line.startswith("#"))
    name, _, rest = joined.partition(" ")
    return Instruction("".join(lines), name.upper(), rest.strip())


def starts(text: str, arguments: Mapping[str, str]) -> tuple[str, ...]:
    """Return the images that a Dockerfile starts from, its own stages and the empty one left out.

    Args:
        text: of the Dockerfile.
        arguments: of the build.
    """
    known: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    found: dict[str, None] = {}
    for one in instructions(text):
        if one.name == "ARG" and not found:
            name, mark, default = one.rest.partition("=")
            if mark or name in arguments:
                known[name] = arguments.get(name, default.strip("\"'"))
        elif one.name == "FROM":
            words = [word for word in one.rest.split() if not word.startswith("--")]
            image = _substituted(words[0], known) if words else ""
            if image and image.lower() not in stages and not image.isdecimal():
                found[image] = None
            if len(words) >= 3 and words[1].upper() == "AS":
                stages.add(words[2].lower())
    return tuple(found)


def _substituted(text: str, known: Mapping[str, str]) -> str:
    return _VARIABLE.sub(
        lambda found: known.get(found["braced"] or found["plain"]) or found["default"] or "", text
    )


def adapted(text: str, added: Sequence[str]) -> str:
    """Return a Dockerfile with lines added at the beginning of each stage.

    What only speeds a build up and the service's own builder doesn't know is left out: caches and links.
    """
    parts: list[str] = []
    for one in instructions(text):
        kept = one.text
        if one.name in ("RUN", "COPY", "ADD"):
            kept = _LINK.sub(r"\1", _CACHE.sub(r"\1", kept))
        parts.append(kept if kept.endswith("\n") else f"{kept}\n")
        if one.name == "FROM":
            parts += [f"{line}\n" for line in added]
    return "".join(parts)
