"""How large binary content is, of patches that git made and of such that were made to fill a disk."""

import base64
import re
import zlib
from pathlib import Path

import pytest
from git_kit import Kit

from swe_scale.errors import PatchError
from swe_scale.patch import binary_size

MADE = 1 << 34
"""Bytes of the file that the forged delta makes."""


def _number(value: int) -> bytes:
    digits = [value >> shift & 127 for shift in range(0, max(1, value.bit_length()), 7)]
    return bytes([*(digit | 128 for digit in digits[:-1]), digits[-1]])


def _lines(data: bytes) -> str:
    parts = [data[at : at + 52] for at in range(0, len(data), 52)]
    sizes = (chr(64 + len(part)) if len(part) <= 26 else chr(70 + len(part)) for part in parts)
    return "".join(
        f"{size}{base64.b85encode(part, pad=True).decode()}\n"
        for size, part in zip(sizes, parts, strict=True)
    )


def _delta(made: int, said: str | None = None, packed: bytes | None = None) -> str:
    delta = _number(1 << 20) + _number(made) + b"\xc0\x10" * (made >> 20)
    lines = _lines(zlib.compress(delta) if packed is None else packed)
    return (
        "diff --git a/a.bin b/a.bin\nindex 1..2 100644\nGIT binary patch\n"
        f"delta {said or len(delta)}\n{lines}\nliteral 0\nHcmV?d00001\n"
    )


@pytest.mark.anyio
async def test_of_what_git_writes_both_ways_are_counted(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "source")
    kit.commit({"a.bin": bytes(range(256)) * 64})
    repository, before = await kit.opened()
    kit.commit({"a.bin": bytes(range(256)) * 63 + b"\0other", "b.bin": b"\0" * 3000})
    after = await repository.tree_of(await repository.resolve("HEAD"))
    patch = await repository.diff(before, after)
    assert re.search("^delta ", patch, re.MULTILINE) and re.search("^literal ", patch, re.MULTILINE)
    assert binary_size(patch) == 256 * 63 + 6 + 256 * 64 + 3000
    assert binary_size(patch.replace("\n", "\r\n")) == binary_size(patch)


def test_a_delta_of_few_bytes_counts_as_what_it_makes() -> None:
    forged = _delta(MADE)
    assert len(forged) < 1000
    assert binary_size(forged) == MADE


def test_a_line_counts_as_many_bytes_as_it_says() -> None:
    packed = zlib.compress(_number(1 << 20) + _number(MADE) + b"\xc0\x10" * 20)
    short = "".join(_lines(packed[at : at + 1]) for at in range(len(packed)))
    assert binary_size(f"GIT binary patch\ndelta 40\n{short}\n") == MADE


def test_prose_that_begins_like_a_binary_part_is_none() -> None:
    text = "literal 99999999999\ndelta of the two\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-literal 9\n+delta 9\n"
    assert binary_size(text) == 0


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("GIT binary patch\nliteral +99999999999\n\n", "doesn't say how large it is: literal '"),
        ("GIT binary patch\nliteral  99999999999\n\n", "doesn't say how large it is: literal '"),
        ("GIT binary patch\nliteral 99999999999 x\n\n", "doesn't say how large it is: literal '"),
        (_delta(1 << 20, "9" * 19), "doesn't say how large it is: delta '"),
        (_delta(1 << 20, packed=b"no deflated data"), "its data is corrupt"),
        (_delta(1 << 20, packed=zlib.compress(b"\xff" * 40)), "its data is too short"),
        ("GIT binary patch\ndelta 9\n\n", "its data is too short"),
    ],
)
def test_what_does_not_say_how_large_it_is_is_refused(patch: str, why: str) -> None:
    with pytest.raises(PatchError, match=re.escape(why)):
        binary_size(patch)
