"""A Dockerfile's text: what it starts from, and what is added to it."""

import pytest

from swe_scale.sandbox.dockerfile import adapted, instructions, starts

LONG = """# syntax=docker/dockerfile:1
ARG TAG=3.11
FROM --platform=linux/amd64 python:${TAG} AS base
# a comment
RUN --mount=type=cache,target=/root/.cache \\
    # within
    pip install a && \\

    pip install b
FROM base AS next
COPY --link --from=base /a /b
FROM scratch
FROM $OTHER
"""


def test_joined_they_are_the_text() -> None:
    assert "".join(one.text for one in instructions(LONG)) == LONG
    names = [one.name for one in instructions(LONG) if one.name]
    assert names == ["ARG", "FROM", "RUN", "FROM", "COPY", "FROM", "FROM"]
    assert next(one.rest for one in instructions(LONG) if one.name == "RUN").endswith("pip install b")


@pytest.mark.parametrize(
    ("text", "arguments", "images"),
    [
        (LONG, {}, ("python:3.11",)),
        (LONG, {"TAG": "3.9", "OTHER": "x"}, ("python:3.9",)),
        ("FROM a:1\nFROM b AS c\nFROM c\nFROM A:1\n", {}, ("a:1", "b", "A:1")),
        ("arg A='x'\nfrom ${A}:${B:-2}\n", {}, ("x:2",)),
        ("FROM a\nARG B=c\nFROM $B\n", {}, ("a",)),
        ("FROM", {}, ()),
        ("", {}, ()),
        ("FROM a as B\nFROM b\nCOPY --from=0 x y\nFROM 0\n", {}, ("a",)),
        ("# escape=`\nRUN a `\n  FROM b\nFROM c\n", {}, ("c",)),
    ],
)
def test_what_it_starts_from(text: str, arguments: dict[str, str], images: tuple[str, ...]) -> None:
    assert starts(text, arguments) == images


def test_lines_are_added_to_every_stage() -> None:
    text = adapted(LONG, ["LABEL a=b", "ARG C"])
    assert text.count("LABEL a=b\nARG C\n") == 4
    assert "--mount" not in text and "--link" not in text and "COPY  --from=base" in text
    assert adapted("FROM a", ["LABEL b=c"]) == "FROM a\nLABEL b=c\n"
    assert (
        adapted("FROM a\nRUN --mount=type=bind,source=x y\n", [])
        == "FROM a\nRUN --mount=type=bind,source=x y\n"
    )
