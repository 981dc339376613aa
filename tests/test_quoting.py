"""Nothing in what strangers wrote acts where it is posted, and it can still be read."""

import re
import time
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from swe_scale.quoting import fenced, markdown_text, plain_line, rst_line, shortened, visible

PIECES = (
    "@", "bob", "#", "99", "fixes ", "Closes: ", "`", "``", "```", "~~~", "\n", " ", "[", "]", "(", ")", "!",
    "<", ">", "<!--", "-->", "https://", "github.com/o/r/issues/9", "www.", "GH-", "gh-7", "/close", "::",
    "##", "***", "|", "---", ":-", "=", "\\", "&", "commat;", "&#64;", "_", "\u202e", "\u200b", "\x1b", "\r",
    "\x00", "\ud800", "\u2028", "\u3164", "\ufe0f", "\U000e0041", "\u0301", "$(touch x)", "Signed-off-by",
    ":", "x: ",
    "BREAKING CHANGE", "[skip ci]", "fixup!", "..", "é", "名", "\t", "-", "*", "1. ", "o/r", "js\n",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=60)
PING = re.compile(r"(?:^|[^\w`])@\w")
REFERENCE = re.compile(r"#\d|(?i:(?<![^\W_])gh-\d)|://|(?<!\w)!\d")
CLOSING = re.compile(
    r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:[\w./-]*#|gh-|https?://\S*/issues/)\d"
)
TRAILER = re.compile(r"(?i)(?:signed-off-by|BREAKING CHANGE)[ \t]*:")
RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ACTIVE = {"html_block", "html_inline", "link_open", "image", "heading_open", "table_open"}


def rendered(text: str) -> Iterator[Token]:
    for token in RENDERER.parse(text):
        yield token
        yield from token.children or ()


def outside_code(text: str) -> str:
    """Return what a service looks for mentions in, as it would after rendering."""
    breaks = {"softbreak", "hardbreak", "paragraph_close", "code_inline"}
    return "".join(
        "\n" if one.type in breaks else one.content for one in rendered(text) if one.type in {"text", *breaks}
    )


def assert_nothing_hidden(text: str) -> None:
    text.encode()
    assert not [
        character
        for character in text
        if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")
        and character not in "\n\t"
    ]


@given(HOSTILE)
@example("@\u200bbob\u202e")
@example("`a | @bob b`\n:-\n`@x | y`")
@example("[x]: https://e.org\n[x]")
@example("    @bob\n\n\t#9")
@example("- ```\n@bob")
@example("&commat;bob &#64;bob &#35;9")
def test_nothing_acts_in_markdown(text: str) -> None:
    made = markdown_text(text)
    assert_nothing_hidden(made)
    assert not {token.type for token in rendered(made)} & ACTIVE
    shown = outside_code(made)
    assert not re.search(r"@\w", shown)
    assert not REFERENCE.search(shown) and "www." not in shown.lower()
    assert not CLOSING.search(made) and not TRAILER.search(made)
    assert "```" in made or not re.search(r"(?m)^(?:/[a-z]|::\w)", made)


@given(HOSTILE)
@example("Signed-off-by***: x")
@example("##  ::set-output")
@example("https::////x")
def test_nothing_acts_in_plain_text(text: str) -> None:
    made = plain_line(text)
    assert_nothing_hidden(made)
    assert "\n" not in made and made == made.strip() and len(made) <= 200
    assert not re.search(r"@\w|#\w", made) and not REFERENCE.search(made)
    assert not CLOSING.search(made) and not TRAILER.search(made) and "[skip ci]" not in made
    assert not made.startswith("::")


@given(HOSTILE, st.integers(40, 400))
def test_a_fence_holds_whatever_it_holds(text: str, most: int) -> None:
    made = fenced(text, most)
    assert_nothing_hidden(made)
    assert len(made) <= most + 66
    assert [token.type for token in RENDERER.parse(f"{made}\n\nafter")][:2] == ["fence", "paragraph_open"]
    assert not CLOSING.search(made)


@given(HOSTILE, st.integers(20, 120))
def test_what_is_cut_is_as_long_as_was_said_and_as_safe(text: str, most: int) -> None:
    made = markdown_text(text * 4, most)
    assert len(made) <= most + 2
    assert not {token.type for token in rendered(made)} & ACTIVE and not re.search(r"@\w", outside_code(made))


@given(HOSTILE)
def test_nothing_acts_in_restructured_text(text: str) -> None:
    made = rst_line(text)
    assert_nothing_hidden(made)
    assert "\n" not in made
    bare = re.sub(r"``[^`]+``", "", made)
    assert "`" not in bare and not re.search(r"[@#]\w", bare)
    assert not re.search(r"(?<!\\)(?:\\\\)*[|*]|\w_(?:\W|$)", bare.replace("\\_", ""))
    assert not made.startswith(("..", ":", "- ", "* ", "#. "))


@pytest.mark.parametrize(
    ("text", "plain", "markdown", "rst"),
    [
        ("Fix `@property` on x", "Fix `(at)property` on x", "Fix `@property` on x", "Fix ``@property`` on x"),
        ("fixes #9, o/r#1.", "fixes no. 9, o/r no. 1.", "fixes `#9`, `o/r#1`.", "fixes ``#9``, ``o/r#1``."),
        ("(by @bob)", "(by (at)bob)", "(by `@bob`)", "(by ``@bob``)"),
        ("C# in __init__", "C# in __init__", r"C\# in \_\_init\_\_", r"C# in \_\_init\_\_"),
        ("a snake_case name", "a snake_case name", "a snake_case name", "a snake_case name"),
        ("[Bug] a[int] fails", "(Bug) a[int] fails", r"\[Bug\] a\[int\] fails", "[Bug] a[int] fails"),
        ("<b>$(touch x)</b>", "<b>$(touch x)</b>", r"\<b\>\$(touch x)\</b\>", "<b>$(touch x)</b>"),
        ("a\x1b[31mb\u202ec", "a\ufffd[31mbc", "a\ufffd\\[31mbc", "a\ufffd[31mbc"),
        ("tic ` tac", "tic ` tac", "tic ' tac", "tic ' tac"),
        ("", "", "", ""),
    ],
)  # fmt: skip
def test_it_stays_readable(text: str, plain: str, markdown: str, rst: str) -> None:
    assert (plain_line(text), markdown_text(text), rst_line(text)) == (plain, markdown, rst)


def test_code_stays_code() -> None:
    made = markdown_text("So:\n\n```python\n@cached\ndef f(): ...  # ```` fixes #9\n```\nrest")
    assert made == "So:\n\n`````python\n@cached\ndef f(): ...  # ```` fixes # 9\n`````\nrest"
    assert markdown_text("~~~\nnever closed").count("```") == 2


def test_marks_that_hide_are_gone() -> None:
    assert visible("a\u202eb\u200dc\u2800d\U000e0041e\ufe0f") == "abcde"
    assert visible("a" + "\u0301" * 50) == "a" + "\u0301" * 3
    assert visible("a\r\nb\rc\u2028d\xa0e\ud800") == "a\nb\nc\nd e\ufffd"


def test_lines_end_at_a_word() -> None:
    assert shortened("one two three", 9) == "one two…"
    assert shortened("x" * 30, 10) == "x" * 9 + "…"
    assert plain_line("word " * 50, 20) == "word word word word…"
    assert len(markdown_text("x " * 65_536)) <= 65_536


@pytest.mark.parametrize(
    "piece", ["a-", "(", ")", "`", "``", "@a ", "fix #1 ", "gh-", "~~~\n", "a@", "x)", ":", "\u0301"]
)
def test_it_takes_time_in_proportion(piece: str) -> None:
    text = piece * (65_536 // len(piece))
    began = time.process_time()
    for made in (plain_line(text), markdown_text(text), rst_line(text), fenced(text)):
        assert len(made) <= 65_600
    assert time.process_time() - began < 20
