"""Edits are made exactly, or not at all; then what stands there is shown."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from swe_scale.records import Changes, File
from swe_scale.trajectory.edits import Refused, apply_edits, check_places, paths_of
from swe_scale.trajectory.grammar import Malformed, parse


def plain(data: bytes) -> File:
    return File(mode="100644", data=data)


def edit(old: str, new: str, path: str = "a.py") -> str:
    middle = f"{new}\n" if new else ""
    return f'<edit path="{path}">\n<<<<<<< SEARCH\n{old}\n=======\n{middle}>>>>>>> REPLACE\n</edit>\n'


def applied(reply: str, **files: bytes) -> Changes:
    """Apply a reply to files named without their `.py`."""
    return apply_edits(parse(reply), {f"{name}.py": plain(data) for name, data in files.items()})


def data_of(changes: Changes, path: str = "a.py") -> bytes:
    file = changes[path]
    assert file is not None
    return file.data


def refusal(reply: str, **files: bytes) -> str:
    with pytest.raises(Refused) as caught:
        applied(reply, **files)
    return str(caught.value)


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\nb\nc\n", "b", "x\ny", b"a\nx\ny\nc\n"),
        (b"a\nb\nc\n", "b", "", b"a\nc\n"),
        (b"a\nb", "b", "x", b"a\nx"),
        (b"a\r\nb\r\nc\r\n", "a\nb", "x\ny", b"x\r\ny\r\nc\r\n"),
        (b"a\r\nb", "b", "x\ny", b"a\r\nx\r\ny"),
        (b"a\r\nb\nc\r\n", "a\nb", "x\ny", b"x\r\ny\r\nc\r\n"),
        (b"a\r\nb\nc\n", "b", "x", b"a\r\nx\nc\n"),
        (b"\xef\xbb\xbfa\nb\n", "a", "x", b"\xef\xbb\xbfx\nb\n"),
        (b"caf\xe9\nb\n", "b", "x", b"caf\xe9\nx\n"),
        (b"a\x0cb\nc\n", "a\x0cb", "x\x0c", b"x\x0c\nc\n"),
        ("a\u2028b\nc\n".encode(), "a\u2028b", "x\u2028y", "x\u2028y\nc\n".encode()),
        (b"Title\n=======\ntext\n", "Title\n=======\ntext", "Other", b"Other\n"),
        (b"Title\n=======\ntext\n", "Title\n=======", "Other\n=======", b"Other\n=======\ntext\n"),
        (b"Title\n=======\ntext\n", "text", "More\n=======\nx", b"Title\n=======\nMore\n=======\nx\n"),
        (b"\n\n\na\n", "\na", "\nb", b"\n\n\nb\n"),
        (b"a\n\n", "a", "", b"\n"),
    ],
)
def test_lines_are_replaced(before: bytes, old: str, new: str, after: bytes) -> None:
    assert data_of(applied(edit(old, new), a=before)) == after


def test_the_mode_stays() -> None:
    changes = apply_edits(parse(edit("a", "b")), {"a.py": File(mode="100755", data=b"a\n")})
    assert changes == {"a.py": File(mode="100755", data=b"b\n")}


def test_blocks_and_edits_build_on_each_other() -> None:
    both = edit("b", "c").replace("</edit>\n", "") + edit("c", "d").split("\n", 1)[1]
    assert data_of(applied(both + edit("d", "e"), a=b"a\nb\n")) == b"a\ne\n"


def test_an_edit_that_changes_nothing_is_no_change() -> None:
    assert applied(edit("a", "a"), a=b"a\n") == {}


def test_non_ascii_is_not_put_into_what_may_be_latin_1() -> None:
    assert refusal(edit("b", "\u00fc"), a=b"caf\xe9\nb\n").startswith(
        "a.py is not UTF-8, and '\u00fc' can't be put"
    )


def test_what_is_not_utf_8_is_found_as_it_is_shown_and_stays_as_it_is_written() -> None:
    assert data_of(applied(edit("caf\u00e9", "caf\u00e9 1"), a=b"caf\xe9\nb\n")) == b"caf\xe9 1\nb\n"
    russian = "# coding: koi8-r\nслово\n".encode("koi8-r")
    assert data_of(applied(edit("слово", "другое"), a=russian)) == "# coding: koi8-r\nдругое\n".encode(
        "koi8-r"
    )
    assert "'é' can't be put" in refusal(edit("слово", "é"), a=russian)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf_16_stays_utf_16(codec: str, mark: str) -> None:
    before, after = (f"{mark}name = 'value'\n{text}\n".encode(codec) for text in ("old line", "né"))
    assert data_of(applied(edit("old line", "né"), a=before)) == after


def test_several_matches_are_refused_with_their_places() -> None:
    message = refusal(edit("x", "y"), a=b"x\na\nx\n")
    assert message == "a SEARCH part matches a.py 2 times (lines 1, 3): add lines around it"


def test_many_matches_are_not_all_counted() -> None:
    source = b"x\n" * 200_000
    message = refusal(edit("\n".join(["x"] * 50_000), "y"), a=source)
    assert message.startswith("a SEARCH part matches a.py 100 times or more (lines 1, 2, 3, 4, 5, 6, 7, 8)")
    assert "doesn't match a.py exactly" in refusal(edit("\n".join(["x"] * 50_000 + ["z"]), "y"), a=source)


def test_paths_are_named_once_and_in_their_order() -> None:
    names = [f"{letter}.py" for letter in "hgfedcba"]
    reply = "".join(f'<delete path="{name}"/>\n' for name in names) + f'<rename from="{names[0]}" to="z.py"/>'
    assert paths_of(parse(reply)) == (*names, "z.py")


def test_the_nearest_lines_are_shown() -> None:
    source = b"import os\n\n\ndef f(a):\n    b = a + 1\n    return b\n"
    message = refusal(edit("def f(a):\n    b = a +1\n    return b", "x"), a=source)
    assert message.endswith("    4 def f(a):\n    5     b = a + 1\n    6     return b")
    near = refusal(edit("    b = a+ 1", "x"), a=source)
    assert near.endswith("    5     b = a + 1")


def test_indentation_is_never_guessed() -> None:
    assert "doesn't match a.py exactly" in refusal(edit("b = 1", "b = 2"), a=b"if a:\n    b = 1\n")


def test_where_nothing_is_near_it_says_so() -> None:
    assert refusal(edit("quite different", "x"), a=b"zzz\n") == (
        "a SEARCH part matches nothing in a.py, nor anything like it"
    )
    assert "nor anything like it" in refusal(edit("a", "x"), a=b"")


def test_what_is_shown_can_be_sent() -> None:
    message = refusal(edit("x = 'caf'", "y"), a=b"x = 'caf\xe9\x01'\n")
    assert "x = 'caf?\x01'" in message
    message.encode()


def test_the_search_for_the_nearest_is_bounded() -> None:
    source = b"".join(b"%d = '" % n + b"ab" * 50_000 + b"'\n" for n in range(20))
    assert refusal(edit("7 = '" + "ba" * 50_000, "x"), a=source)


def test_an_empty_search_is_malformed() -> None:
    with pytest.raises(Malformed, match=r"SEARCH part for a\.py is empty"):
        applied('<edit path="a.py">\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE\n</edit>', a=b"a\n")


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (File(mode="120000", data=b"b.py"), "is a symbolic link"),
        (plain(b"a\0b\n"), "is binary"),
    ],
)
def test_what_is_no_text_is_not_edited(file: File, what: str) -> None:
    with pytest.raises(Refused, match=what):
        apply_edits(parse(edit("a", "b")), {"a.py": file})


def test_a_missing_file_is_not_edited() -> None:
    assert "there is no file a.py" in refusal(edit("a", "b"))


CREATE = '<create path="a.py">\nx\n</create>\n'


def test_files_are_created() -> None:
    assert applied(CREATE) == {"a.py": plain(b"x\n")}
    assert applied('<create path="a.py">\n</create>') == {"a.py": plain(b"")}
    assert applied('<create path="a.py">\n```python\nx\n```\n</create>') == {"a.py": plain(b"x\n")}
    fenced = '<create path="a.md">\n```\nx\n```\n</create>'
    assert applied(fenced) == {"a.md": plain(b"```\nx\n```\n")}


def test_nothing_is_overwritten() -> None:
    assert "a.py exists already" in refusal(CREATE, a=b"y\n")
    assert applied(f'<delete path="a.py"/>\n{CREATE}', a=b"y\n") == {"a.py": plain(b"x\n")}
    assert refusal('<rename from="a.py" to="b.py"/>', a=b"", b=b"") == "b.py exists already"


def test_files_are_deleted_and_renamed() -> None:
    assert applied('<delete path="a.py"/>', a=b"x") == {"a.py": None}
    moved = applied('<rename from="a.py" to="d/b.py"/>\n' + edit("x", "y", "d/b.py"), a=b"x\n")
    assert moved == {"a.py": None, "d/b.py": plain(b"y\n")}
    assert "there is no file" in refusal('<delete path="a.py"/>')
    assert "there is no file" in refusal('<rename from="a.py" to="b.py"/>')
    assert "there is no file" in refusal('<delete path="a.py"/>\n<delete path="a.py"/>', a=b"")
    assert applied(f'{CREATE}<delete path="a.py"/>') == {}


def test_one_refusal_refuses_all() -> None:
    assert "there is no file b.py" in refusal(edit("a", "x") + edit("b", "x", "b.py"), a=b"a\n")


@pytest.mark.parametrize(
    "path",
    ["../a.py", "/etc/passwd", "a/../../b", ".git/config", "sub/.GIT/hooks", "", "a//b", "./a", "a\0b"],
)
@pytest.mark.parametrize(
    "tag", ['<create path="{}">\nx\n</create>', '<delete path="{}"/>', '<rename from="a.py" to="{}"/>']
)
def test_no_path_leaves_the_work_tree(path: str, tag: str) -> None:
    assert refusal(tag.format(path), a=b"a\n")


def test_the_paths_of_edits() -> None:
    tags = parse(edit("a", "b") + '<rename from="x" to="y"/>\n<delete path="a.py"/>\n<done/>')
    assert sorted(paths_of(tags)) == ["a.py", "x", "y"]


LINES = st.lists(
    st.sampled_from(["", "a", "    b", "\tc", "=======", "x\x0cy", "\u2028", "naïve", "<done/>", "```", "d"])
    | st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8),
    min_size=1,
    max_size=12,
)
MARKERS = ("</edit>", ">>>>>>> REPLACE")


def safe(lines: list[str]) -> bool:
    return not any(line.rstrip() in MARKERS for line in lines)


@given(LINES, LINES, st.data(), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_any_lines_of_any_file_can_be_replaced(
    lines: list[str], new: list[str], data: st.DataObject, newline: str, ends: bool, bom: bool
) -> None:
    start = data.draw(st.integers(0, len(lines) - 1))
    stop = data.draw(st.integers(start + 1, len(lines)))
    old = lines[start:stop]
    assume(safe(lines) and safe(new) and "=======" not in [line.rstrip() for line in new + old])
    places = [i for i in range(len(lines)) if lines[i : i + len(old)] == old]
    tail = newline if ends else ""
    source = ("\ufeff" if bom else "") + newline.join(lines) + tail
    assume(newline in source)
    assume(not source.startswith("\ufeff\ufeff") and (bom or not source.startswith("\ufeff")))
    reply = edit("\n".join(old), "\n".join(new)) if new != [""] else edit("\n".join(old), "\n")
    whole = [*lines, ""] if ends else lines
    if len([i for i in range(len(whole)) if whole[i : i + len(old)] == old]) > 1 or len(places) != 1:
        assert "times" in refusal(reply, a=source.encode())
        return
    replacement = new if new != [""] else ["", ""]
    wanted = newline.join([*lines[:start], *replacement, *lines[stop:]]) + tail
    changes = applied(reply, a=source.encode())
    got = data_of(changes) if changes else source.encode()
    assert got == (("\ufeff" if bom else "") + wanted).encode()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"pkg": b"x"}, "pkg is a folder"),
        ({"a.py/b.py": b"x"}, "a.py/b.py can't be made: a.py is a file"),
        ({"pkg/deep": b"x"}, "pkg/deep is a folder"),
        ({"pkg": b"x", "pkg/deep/c.py": None}, ""),
        ({"a.py/b.py": b"x", "a.py": None}, ""),
        ({"pkg/new.py": b"x", "pkg2": b"x"}, ""),
        ({"pkg": None}, ""),
    ],
)
def test_a_folder_is_never_lost(changes: dict[str, bytes | None], fault: str) -> None:
    made = {path: None if data is None else plain(data) for path, data in changes.items()}
    paths = ["a.py", "pkg/deep/c.py"]
    if not fault:
        check_places(made, paths)
        return
    with pytest.raises(Refused) as caught:
        check_places(made, paths)
    assert str(caught.value) == fault
