"""The language of replies: what is meant is understood, and what isn't in it is named precisely."""

from collections.abc import Callable

import pytest

from swe_scale.trajectory.grammar import (
    FORMS,
    Block,
    Malformed,
    Tag,
    blocks_of,
    command_of,
    parse,
    script_of,
    unfenced,
)

EDIT = '<edit path="a.py">\n<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n</edit>'


def names(reply: str) -> list[str]:
    return [tag.name for tag in parse(reply)]


def test_tags_stand_among_reasoning() -> None:
    reply = f"I think a < b and x<edit y.\n<check>\nexit(42)\n</check>\nThen:\n{EDIT}\n<done/>\n"
    assert names(reply) == ["check", "edit", "done"]
    check, edit, _ = parse(reply)
    assert check == Tag("check", {}, ("exit(42)",), 2)
    assert edit.attributes == {"path": "a.py"} and edit.number == 6


@pytest.mark.parametrize("name", sorted(FORMS))
def test_every_form_that_is_shown_is_understood(name: str) -> None:
    for form in FORMS[name].split(" or "):
        reply = form if form.endswith("/>") else f"{form}\nx\n</{name}>"
        assert names(reply) == [name]


def test_line_ends_of_windows_are_read() -> None:
    [tag] = parse('<create path="a.py">\r\nx = 1\r\n</create>\r\n')
    assert tag.lines == ("x = 1",)


def test_content_may_hold_anything_but_its_own_end() -> None:
    content = ["<done/>", "```", "</check>", "<edit>", "=======", "a\u2028b\x0cc\x85d", "  </create>"]
    [tag] = parse("\n".join(['<create path="a.py">', *content, "</create>"]))
    assert list(tag.lines) == content


@pytest.mark.parametrize("blank", ["", " ", "\t "])
def test_blanks_behind_a_tag_do_not_matter(blank: str) -> None:
    assert names(f"<check>{blank}\nx\n</check>{blank}\n<done/>{blank}") == ["check", "done"]


FAULTS = {
    "": "there is no tag in the reply",
    "I am done.": "there is no tag in the reply",
    "  <done/>": "line 1: a tag must begin at the start of its line",
    "So:\n    <check>\n    x\n    </check>": "line 2: a tag must begin at the start of its line",
    "<check>\nx\n": "line 1: <check> is never closed by a line </check>",
    "<check>\nx </check>": "line 1: <check> is never closed by a line </check>",
    "a\n</check>": "line 2: </check> closes nothing",
    "<done>": "line 1: the tag must stand alone on its line, as <done/>",
    "<done/> That is all.": "line 1: the tag must stand alone on its line, as <done/>",
    "<check>x</check>": 'line 1: the tag must stand alone on its line, as <check> or <check language="…">',
    "<edit path='a.py'>\n</edit>": 'line 1: the tag must stand alone on its line, as <edit path="…">',
    "<edit path=a.py>\n</edit>": 'line 1: the tag must stand alone on its line, as <edit path="…">',
    "<edit>\n</edit>": 'line 1: the tag must be written <edit path="…">',
    '<edit path="a" mode="x">\n</edit>': 'line 1: the tag must be written <edit path="…">',
    '<edit path="a" path="b">\n</edit>': 'line 1: the tag must be written <edit path="…">',
    '<rename from="a"/>': 'line 1: the tag must be written <rename from="…" to="…"/>',
    '<delete path="a">': 'line 1: the tag must stand alone on its line, as <delete path="…"/>',
    '<done reason="x"/>': "line 1: the tag must be written <done/>",
    '<choose label="A"/>': 'line 1: the tag must be written <choose candidate="…"/>',
}


@pytest.mark.parametrize("reply", FAULTS)
def test_a_fault_is_named(reply: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(reply)
    assert str(caught.value) == FAULTS[reply]


@pytest.mark.parametrize(
    ("lines", "bare"),
    [
        (("```python", "x", "```"), ("x",)),
        (("", "```", "x", "```", " "), ("x",)),
        (("x", "```"), ("x", "```")),
        (("```", "x"), ("```", "x")),
        (("a", "```", "x", "```"), ("a", "```", "x", "```")),
        (("```python", "a = '''", "```", "'''", "```"), ("a = '''", "```", "'''")),
        ((), ()),
        (("", ""), ("", "")),
        (("```",), ("```",)),
        (("```", "```"), ()),
    ],
)
def test_a_fence_around_the_whole_is_taken_off(lines: tuple[str, ...], bare: tuple[str, ...]) -> None:
    assert unfenced(lines) == bare


def script(text: str, language: str = "") -> Tag:
    [tag] = parse(f"<check{language}>\n{text}\n</check>")
    return tag


def test_a_script_is_taken_without_fence_and_blank_lines() -> None:
    assert script_of(script("\n```python\nexit(42)\n```\n")).text == "exit(42)\n"
    assert script_of(script("  x\n\n y ")).text == "  x\n\n y \n"
    assert script_of(script("false", ' language="sh"')).language == "sh"


def test_a_script_is_in_the_projects_language_if_it_says_none() -> None:
    assert script_of(script("1"), ("node", "sh")).language == "node"
    assert script_of(script("1", ' language="sh"'), ("node", "sh")).language == "sh"
    with pytest.raises(Malformed, match='a check\'s language is "node" or "sh" or "go"'):
        script_of(script("1", ' language="python"'), ("node", "sh", "go"))


@pytest.mark.parametrize(
    ("tag", "fault"),
    [
        (script(" \n\t"), "line 1: the check is empty"),
        (script("```python\n```"), "line 1: the check is empty"),
        (script("x", ' language="cobol"'), 'line 1: a check\'s language is "python" or "sh"'),
    ],
)
def test_a_script_that_is_none(tag: Tag, fault: str) -> None:
    with pytest.raises(Malformed) as caught:
        script_of(tag)
    assert str(caught.value) == fault


def blocks(*lines: str) -> tuple[Block, ...]:
    return blocks_of(Tag("edit", {"path": "a"}, lines, 7))


def test_blocks_follow_each_other() -> None:
    one = ("<<<<<<< SEARCH", "old", "=======", "new", ">>>>>>> REPLACE")
    assert [list(block.lines) for block in blocks("", *one, "", *one)] == [["old", "=======", "new"]] * 2
    assert blocks("```", *one, "```") == blocks(*one)


def test_each_dividing_line_may_be_the_one() -> None:
    [block] = blocks("<<<<<<< SEARCH", "Title", "=======", "=======", "x", ">>>>>>> REPLACE")
    assert block.divides == (1, 2)


def test_of_dividing_lines_there_may_be_many_but_not_any_number() -> None:
    def block(divides: int) -> tuple[str, ...]:
        return "<<<<<<< SEARCH", "x", *["======="] * divides, ">>>>>>> REPLACE"

    assert len(blocks(*block(50))[0].divides) == 50
    with pytest.raises(Malformed, match="a block holds 51 lines `=======`, of which 50 are tried"):
        blocks(*block(51))


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ((), "<edit> of line 7 holds no `<<<<<<< SEARCH` block"),
        (("", " "), "<edit> of line 7 holds no `<<<<<<< SEARCH` block"),
        (("x",), "in <edit> of line 7: expected `<<<<<<< SEARCH`, found `x`"),
        (("<<<<<<< SEARCH", "x"), "in <edit> of line 7: `>>>>>>> REPLACE` is missing"),
        (("<<<<<<< SEARCH", "x", ">>>>>>> REPLACE"), "in <edit> of line 7: `=======` is missing"),
        (("<<<<<<<SEARCH", "x"), "in <edit> of line 7: expected `<<<<<<< SEARCH`, found `<<<<<<<SEARCH`"),
    ],
)
def test_a_block_that_is_none(lines: tuple[str, ...], fault: str) -> None:
    with pytest.raises(Malformed) as caught:
        blocks(*lines)
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    ("reply", "command"),
    [
        ("I look.\n```bash\nls\ncat a\n```\n", "ls\ncat a"),
        ("```sh\nls\n```", "ls"),
        ("```shell \nls\n``` \n", "ls"),
        ("```bash\r\nls\r\n```\r\n", "ls"),
        ("```bash\ncat >a.md <<'E'\n```python\nx\n```\nE\n```", "cat >a.md <<'E'\n```python\nx\n```\nE"),
        ("```bash\ncat >a.xml <<'E'\n<submit/>\nE\n```", "cat >a.xml <<'E'\n<submit/>\nE"),
        ("````bash\ncat >a.md <<'E'\n```bash\nx\n```\nE\n````", "cat >a.md <<'E'\n```bash\nx\n```\nE"),
        ("```bash\necho '\n````sh\n'\n```", "echo '\n````sh\n'"),
        ("```bash\nls\n```\n\nIt may say:\n\n```\nout\n```\n", "ls"),
        ("1. Look:\n   ```Bash\n   ls\n   ```", "   ls"),
        ("```bash\ncat <<-E\n```\n\tE\nls # it's\n```\nand\n```\nx\n```", "cat <<-E\n```\n\tE\nls # it's"),
        ("```bash\ncat <<E\n```\nls\n```", "cat <<E\n```\nls"),
        ('```bash\necho "it\'s\n```\n\\"\n```\n"\n```\n```', 'echo "it\'s\n```\n\\"\n```\n"'),
        ("```bash\necho a \\\n```\nb\n```\n```", "echo a \\\n```\nb"),
        ("```bash\necho ${x#it} ${x#'\n```\n'}\n```", "echo ${x#it} ${x#'\n```\n'}"),
        ('```bash\necho $((1 << 2)) <<< "x"\n```\n```\n4\n```', 'echo $((1 << 2)) <<< "x"'),
        ("It is complete.\n<submit/>", None),
        ("  <submit/>  ", None),
    ],
)
def test_an_agents_command(reply: str, command: str | None) -> None:
    assert command_of(reply) == command


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ("", "expected exactly one ```bash block, found 0"),
        ("```\nls\n```", "expected exactly one ```bash block, found 0"),
        ("```bash\nls\n```\n```bash\nls\n```", "expected exactly one ```bash block, found 2"),
        ("```bash\nls\n```\n````bash\nls\n````", "expected exactly one ```bash block, found 2"),
        ("````bash\nls\n```", "the ```bash block is never closed by a line ````"),
        ("```bash\nls\n<submit/>", "the ```bash block is never closed by a line ```"),
        ("```bash\necho \0\n```", "the command holds a NUL character, which bash can't be given"),
        ("```bash\nls", "the ```bash block is never closed by a line ```"),
        ("```bash\n \n```", "the ```bash block is empty"),
        ("```bash\nls\n```\n<submit/>", "a reply either runs a command or submits, not both"),
    ],
)
def test_a_command_that_is_none(reply: str, fault: str) -> None:
    with pytest.raises(Malformed) as caught:
        command_of(reply)
    assert str(caught.value) == fault


def test_the_end_of_a_command_is_found_in_one_pass() -> None:
    words = "echo it's" + "\nx" * 20
    reply = "\n".join(["```bash", words, *["```"] * 200_000])
    assert command_of(reply) == "\n".join([words, *["```"] * 199_999])


@pytest.mark.parametrize("read", [parse, command_of])
@pytest.mark.parametrize("code", [0xD800, 0xDC80, 0xDFFF])
def test_halves_of_characters_are_no_text(read: Callable[[str], object], code: int) -> None:
    half = chr(code)
    reply = f'<create path="a">\n{half}\n</create>\n```bash\necho {half}\n```\n'
    with pytest.raises(Malformed, match="characters that aren't text"):
        read(reply)
    assert read(reply.replace(half, "\U0001f600"))
