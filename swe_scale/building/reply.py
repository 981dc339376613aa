"""Reads a model's proposal for a set-up: fenced blocks, `bash` for the lines and `test` for the test line."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"(?P<fence>`{3,})(?P<language>[\w+-]*)\s*")
_LINES = {"bash", "sh", "shell"}
_LARGEST = 16_000
"""Characters of a set-up."""


class Malformed(Exception):
    """The reply holds no proposal; the text says why, to the model."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a model suggests."""

    setup: str
    """A script, run by `sh -e`."""
    test: str | None = None
    """Line that runs test files. None: as it was."""


def read_reply(text: str) -> Suggestion:
    """Return what a reply suggests.

    Raises:
        Malformed: it holds no block of commands, or several.
    """
    blocks = list(_blocks(text))
    scripts = [body for language, body in blocks if language in _LINES]
    if len(scripts) != 1:
        raise Malformed(f"expected one block that begins with ```bash, found {len(scripts)}")
    if not scripts[0].strip():
        raise Malformed("the block of commands is empty")
    if len(scripts[0]) > _LARGEST or "\0" in scripts[0]:
        raise Malformed(f"the commands are longer than {_LARGEST} characters, or not text")
    tests = [body.strip() for language, body in blocks if language == "test"]
    if tests and (len(tests) > 1 or "\n" in tests[0] or "{tests}" not in tests[0]):
        raise Malformed("the block `test` must hold one line in which {tests} stands for the test files")
    return Suggestion(scripts[0].strip("\n"), tests[0] if tests else None)


def _blocks(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    fence, language, body = "", "", list[str]()
    for line in text.splitlines():
        if not fence and (opened := _FENCE.fullmatch(line.strip())):
            fence, language, body = opened["fence"], opened["language"].lower(), []
        elif fence and line.strip() == fence:
            found.append((language, "\n".join(body)))
            fence = ""
        elif fence:
            body.append(line)
    return found
