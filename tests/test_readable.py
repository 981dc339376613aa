"""What a command printed is shown as a person would see it, in bounded time, and what is left out is said."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.readable import readable


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("plain\n\ttext é\n", "plain\n\ttext é\n"),
        ("\x1b[1;31mred\x1b[0m \x1b[2Kx\x1b(B\x1b=", "red x"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("\x1bPq#0\x1b\\sixel\x9b31mc", "sixelc"),
        ("1 %\r2 %\r100 %\r\ndone\r\n", "100 %\ndone\n"),
        ("loading\r       \rready\r", "ready"),
        ("N\bNA\bAM\bME\bE _\bx", "NAME x"),
        ("\b\bab\b\b\b", ""),
        ("a\x00\x00\x01b\ufffd\ufffd\x7fc", "a\ufffdb\ufffdc"),
        ("y\n" * 100, "y\n… 99 more lines like this one …\n"),
        ("a\na\na\nb", "a\na\na\nb"),
        ("a\n\n\n\n\n\nb", "a\n\n\n\nb"),
        ("", ""),
    ],
)
def test_it_is_as_a_terminal_shows_it(printed: str, shown: str) -> None:
    assert readable(printed) == shown


def test_a_line_without_end_keeps_its_ends() -> None:
    shown = readable("begin " + "x" * 50_000 + " end\nnext")
    line, after = shown.split("\n")
    assert line.startswith("begin xxx") and line.endswith("xxx end") and len(line) < 2100 and after == "next"
    left = re.search(r" … ([\d,]+) characters left out … ", line)
    assert left is not None and int(left[1].replace(",", "")) == 50_010 - (len(line) - len(left[0]))


@given(st.text(st.sampled_from("ab\n\r\b\x1b[]0;m\x07\x00 \x9b\ufffd")))
def test_nothing_that_steers_is_left(printed: str) -> None:
    shown = readable(printed)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)
    assert len(shown) <= len(printed) + 40


@pytest.mark.parametrize("piece", ["a\b", "\b", "\x1b", "\x1b]", "\x1b[", "\r", "\x1bP", "a" * 9 + "\b" * 9])
def test_it_takes_time_in_proportion_to_what_was_printed(piece: str) -> None:
    began = time.process_time()
    readable(piece * (400_000 // len(piece)))
    assert time.process_time() - began < 20
