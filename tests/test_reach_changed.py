"""Where changes stand in untouched code: by hand, by a naive comparison, and by what really runs."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swe_scale.reach import Change, change_of, reach
from swe_scale.reach.changed import stands
from swe_scale.records import File, LinesExecuted, Reach

SOURCE = '''\
import os


def f(a, b):
    """Return something."""
    if a:
        return 1
    total = g(
        a,
        b,
    )
    try:
        return total
    except ValueError:
        total = 2
    # Why.
    return total


class C:
    x: int

    def m(self):
        pass
'''


def plain(text: str) -> File:
    return File(mode="100644", data=text.encode())


def lines_of(old: str, new: str) -> set[int] | None:
    found = stands(old, new)
    return None if found is None else {line for one in found for line in one.lines}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("        return 1", "        return 3", {7}, id="a line"),
        pytest.param("        b,\n", "        b + 1,\n", {8, 9, 10, 11}, id="in a long statement"),
        pytest.param("        b,\n", "        b,\n        # c,\n        3,\n", {8, 9, 10, 11}, id="added"),
        pytest.param("def f(a, b):", "def f(a, b=2):", {4}, id="a head"),
        pytest.param("    # Why.\n", "    # Why not.\n", set(), id="a comment"),
        pytest.param("Return something.", "Return\n\n    whatever.", set(), id="a docstring"),
        pytest.param("    # Why.\n", "    total += 1\n", {12, 14, 17}, id="a comment becomes code"),
        pytest.param("total\n\n\nclass", "total\n    return 3\n\n\nclass", {17}, id="an end"),
        pytest.param("        return 1\n", "        return 1\n    log(a)\n", {6, 8, 9, 10, 11}, id="behind"),
        pytest.param("        return 1\n", "        return 3\n    log(a)\n", {*range(6, 12)}, id="both"),
        pytest.param("        total = 2\n", "        total = 2\n    except KeyError:\n        total = 3\n",
                     {12, 14, 17}, id="a clause"),
        pytest.param('."""\n', '."""\n    check(a)\n', {6}, id="a beginning"),
        pytest.param("        pass\n", "        return 4\n", None, id="a function that did nothing"),
        pytest.param("    x: int\n", "    x: int = 3\n", {23}, id="what no event tells of"),
        pytest.param("        return 1\n", "        continue\n", {7}, id="a jump is put in"),
        pytest.param("class C:", "class C(:", None, id="no Python any more"),
        pytest.param("import os\n", "import os\n\x0c\nimport re\n", {1, 4}, id="a form feed"),
    ],
)  # fmt: skip
def test_where_a_change_stands(old: str, new: str, expected: set[int] | None) -> None:
    assert SOURCE.count(old) == 1
    assert lines_of(SOURCE, SOURCE.replace(old, new)) == expected


@pytest.mark.parametrize(("old", "new"), [("def (", "x = 1"), ("", "x = 1"), ("# only this\n", "x = 1\n")])
def test_what_holds_no_statements_tells_of_nothing(old: str, new: str) -> None:
    assert stands(old, new) is None


@pytest.mark.parametrize(
    "old", ["pass", "...", "continue", "break", "while True:\n            g()", "if 1:\n            g()"]
)
def test_what_some_python_makes_no_code_of_is_no_place_to_stand(old: str) -> None:
    text = f"def f(a):\n    for b in a:\n        {old}\n"
    assert stands(text, text.replace(old.partition("\n")[0], "h()" if ":" not in old else "if a:")) is None


def test_line_ends_are_those_of_python() -> None:
    old = "a = '\x0b\x0c\x1c\x85\u2028'\r\nb = 1\rc = 2\n"
    assert lines_of(old, old.replace("c = 2", "c = 3")) == {3}
    assert lines_of(old, old.replace("\r", "\n").replace("\n\n", "\n").replace("c = 2", "c = 3")) == {3}


def test_long_differences_stand_at_all_of_their_lines() -> None:
    old = "".join(f"x{number} = {number}\n" for number in range(9000))
    new = "".join(
        f"y{number} = {number}\n" if number % 4000 == 1 else line
        for number, line in enumerate(old.splitlines(True))
    )
    assert lines_of(old, new) == {*range(2, 8003)}


def change(files: Mapping[str, tuple[str | None, str | None]]) -> Change:
    after = {path: None if new is None else plain(new) for path, (_, new) in files.items()}
    return change_of(after, {path: plain(old) for path, (old, _) in files.items() if old is not None})


def test_what_only_adds_names_to_a_module_counts_only_alone() -> None:
    added = SOURCE.replace("import os\n", "import os\nimport re\n\n\ndef helper(a):\n    return a\n")
    assert change({"m.py": (SOURCE, added)}).lines == {"m.py": {1, 4}}
    also = added.replace("return 1", "return helper(1)")
    assert change({"m.py": (SOURCE, also)}).lines == {"m.py": {7}}
    split = {"m.py": (SOURCE, added), "n.py": ("x = 1\n", "x = 2\n")}
    assert change(split).lines == {"n.py": {1}}
    for binding in (
        "from __future__ import annotations",
        "@register\ndef h(): ...",
        "def __getattr__(n): ...",
        "x = 1",
    ):
        more = also.replace("import re\n", f"import re\n{binding}\n").replace(
            "\n\n\ndef helper", "\ndef helper"
        )
        assert {1, 4, 7} == change({"m.py": (SOURCE, more)}).lines["m.py"], binding


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("new.py", None, plain("x = 1\n")),
        ("data.json", plain("{}"), plain("[]")),
        ("linked.py", File(mode="120000", data=b"m.py"), plain("x = 1\n")),
        ("m.py", plain("x = 1\n"), File(mode="120000", data=b"n.py")),
        ("latin.py", File(mode="100644", data=b"# \xe9\nx = 1\n"), plain("x = 2\n")),
        ("broken.py", plain("x = 1\n"), plain("x = (\n")),
        ("module.pyx", plain("x = 1\n"), plain("x = 2\n")),
    ],
)
def test_what_no_trace_tells_of_is_unseen(path: str, before: File | None, after: File) -> None:
    found = change_of({path: after}, {} if before is None else {path: before})
    assert found == Change({}, frozenset({path}), frozenset())


def test_a_mode_or_a_comment_alone_stands_nowhere() -> None:
    one = change_of({"m.py": File(mode="100755", data=SOURCE.encode())}, {"m.py": plain(SOURCE)})
    other = change({"m.py": (SOURCE, SOURCE.replace("# Why.", "# So."))})
    assert one == other == Change({}, frozenset(), frozenset())
    assert reach(LinesExecuted(), one) == "unknown"


PATHS = st.sampled_from(["a.py", "b.py", "c.py"])
NUMBERS = st.integers(1, 12)
RUNS = st.lists(st.tuples(NUMBERS, NUMBERS).map(lambda two: (min(two), max(two))), max_size=4).map(tuple)


def naive(executed: LinesExecuted, told: Change) -> Reach:
    """Return the same by a set of all lines."""
    ran = {(path, line) for path, runs in executed.lines.items() for a, b in runs for line in range(a, b + 1)}
    stood = {(path, line) for path, lines in told.lines.items() for line in lines}
    if ran & stood:
        return "executes"
    left = {
        (path, line) for path, runs in executed.unsure.items() for a, b in runs for line in range(a, b + 1)
    }
    if not stood or told.unseen or executed.why or left & stood:
        return "unknown"
    looked = {path for path in executed.read if path in told.prose or any(path == own for own, _ in stood)}
    return "unknown" if looked else "misses"


@given(
    st.dictionaries(PATHS, RUNS, max_size=3), st.dictionaries(PATHS, RUNS, max_size=1),
    st.lists(PATHS, max_size=1), st.sampled_from(["", "", "late"]),
    st.dictionaries(PATHS, st.frozensets(NUMBERS, min_size=1, max_size=3), max_size=2),
    st.frozensets(PATHS, max_size=1), st.frozensets(PATHS, max_size=1),
)  # fmt: skip
def test_the_comparison_is_the_naive_one(
    lines: dict[str, tuple[tuple[int, int], ...]],
    unsure: dict[str, tuple[tuple[int, int], ...]],
    read: list[str],
    why: str,
    stood: dict[str, frozenset[int]],
    unseen: frozenset[str],
    prose: frozenset[str],
) -> None:
    executed = LinesExecuted(lines=lines, unsure=unsure, read=tuple(read), why=why)
    told = Change(stood, unseen, prose)
    assert reach(executed, told) == naive(executed, told)


@dataclass
class Program:
    """A function in the making; what it does depends on a list of numbers."""

    chance: st.DataObject
    count: int = 0
    marks: list[int] = field(default_factory=list)

    def number(self) -> int:
        self.count += 1
        return self.count

    def block(self, depth: int) -> Iterator[str]:
        """Yield statements; of simple ones each has a number of its own."""
        for _ in range(self.chance.draw(st.integers(1, 3))):
            yield from self.statement(depth)

    def statement(self, depth: int) -> Iterator[str]:
        kinds = ["mark", "mark", "long", "comment", "end"]
        kind = self.chance.draw(
            st.sampled_from(
                kinds + ["if", "else", "elif", "for", "try", "finally", "while", "match"] * bool(depth)
            )
        )
        number = self.number()
        match kind:
            case "mark":
                yield f"t({number})\n"
            case "long":
                yield f"t(\n    {number},\n)\n"
            case "comment":
                yield f"# {number}\n\nt({number})\n"
            case "end":
                yield (
                    f"if c[{number} % 7] == 2:\n    "
                    + self.chance.draw(st.sampled_from(["return", "raise E"]))
                    + "\n"
                )
            case "if":
                yield f"if c[{number} % 7]:\n" + self.inner(depth)
            case "else":
                yield f"if c[{number} % 7]:\n{self.inner(depth)}else:\n{self.inner(depth)}"
            case "elif":
                yield f"if c[{number} % 7]:\n{self.inner(depth)}elif t({number}):\n{self.inner(depth)}"
            case "finally":
                yield f"try:\n{self.inner(depth)}finally:\n{self.inner(depth)}"
            case "match":
                yield f"match c[{number} % 7]:\n"
                for value in ("0", "_"):
                    yield indent(f"case {value}:\n{self.inner(depth)}", "    ")
            case "for":
                yield f"for i{number} in range(c[{number} % 7]):\n" + self.inner(depth)
            case "while":
                yield f"while t({number}) and c[{number} % 7]:\n{self.inner(depth)}    break\n"
            case _:
                raised = f"    if c[{number} % 7]:\n        raise E\n"
                yield f"try:\n{self.inner(depth)}{raised}except E:\n{self.inner(depth)}"

    def inner(self, depth: int) -> str:
        return indent("".join(self.block(depth - 1)), "    ")


def edit(text: str, number: int, way: str) -> str:
    """Return the program without one of its marks, or with others in its place."""
    rows = text.splitlines(keepends=True)
    at = next(at for at, row in enumerate(rows) if row.strip() == f"t({number})")
    space = rows[at][: len(rows[at]) - len(rows[at].lstrip())]
    if way == "removed":
        # Where it is alone in its block, something must stand there.
        above = [row for row in rows[:at] if row.strip() and not row.lstrip().startswith("#")][-1]
        below = [row for row in rows[at + 1 :] if row.strip()]
        alone = above.endswith(":\n") and not (below and below[0].startswith(space))
        return "".join([*rows[:at], *([f"{space}pass\n"] if alone else []), *rows[at + 1 :]])
    return "".join([*rows[:at], f"{space}t(-{number})\n", *rows[at + 1 :]])


class E(Exception):
    """What the programs raise."""


def run(text: str, values: Sequence[int]) -> tuple[set[int], set[int]]:
    """Return the lines that are executed, and the marks that are passed."""
    marks: set[int] = set()
    lines: set[int] = set()

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines.add(frame.f_lineno)
        return local

    def t(number: int) -> bool:
        marks.add(number)
        return True

    code = compile(text, "program", "exec")
    before = sys.gettrace()
    sys.settrace(lambda frame, *_: local if frame.f_code.co_filename == "program" else None)
    try:
        exec(code, {"t": t, "E": E, "c": values})
    except E:
        pass
    finally:
        sys.settrace(before)
    return lines, marks


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whoever_runs_into_what_is_added_executes_where_it_stands(chance: st.DataObject) -> None:
    program = Program(chance)
    body = indent("".join(program.block(2)), "    ")
    called = chance.draw(st.booleans())
    new = f"t(0)\n\n\ndef f(c):\n{body}\n\nt(-1)\n" + "f(c)\n" * called
    marks = [
        int(row.strip()[2:-1])
        for row in body.splitlines()
        if row.strip().startswith("t(") and row.endswith(")")
    ]
    if not marks:
        return
    number = chance.draw(st.sampled_from(marks))
    old = edit(new, number, chance.draw(st.sampled_from(["removed", "replaced"])))
    values = chance.draw(st.lists(st.integers(0, 2), min_size=7, max_size=7))
    before, _ = run(old, values)
    _, passed = run(new, values)
    stood = lines_of(old, new)
    if stood is not None and number in passed:
        assert stood & before, old
    if stood is not None and not called:
        assert not stood & before, old
