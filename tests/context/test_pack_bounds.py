"""Whatever the files and the budget, what is packed stays within it and stands so in the files."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swe_scale.contents.outline import Definition
from swe_scale.context.excerpt import Wanted, cut
from swe_scale.context.pack import Shown, fit, fitting, most_files, pack, shares

_GAP = re.compile(r"… (\d+) lines left out …")
LINES = st.sampled_from(
    [
        "",
        "    return value",
        "def compute(total):",
        "@decorated",
        "größe = '名前'",
        "x" * 300,
        "}",
        "\r",
        "# 7",
    ]
)


@st.composite
def outlines(draw: st.DrawFn, lines: int) -> tuple[Definition, ...]:
    """Return definitions that lie within or beside one another, as those of a grammar do."""
    found: list[Definition] = []
    waiting = [(1, lines)]
    while waiting and len(found) < 12:
        low, high = waiting.pop()
        first = draw(st.integers(low, high))
        last = draw(st.integers(first, high))
        found.append(Definition(f"f{len(found)}", first, last, draw(st.integers(first, last))))
        if last > first and draw(st.booleans()):
            waiting.append((first + 1, last))
        if last < high and draw(st.booleans()):
            waiting.append((last + 1, high))
    return tuple(sorted(found, key=lambda one: (one.first, -one.last)))


@st.composite
def shown(draw: st.DrawFn) -> Shown:
    text = "\n".join(draw(st.lists(LINES, min_size=1, max_size=30)) * draw(st.sampled_from([1, 3, 40])))
    lines = text.count("\n") + 1
    outline = draw(outlines(lines))
    wanted = Wanted(
        draw(st.dictionaries(st.sampled_from(["total", "compute", "value"]), st.floats(0.1, 3))),
        frozenset(draw(st.lists(st.integers(1, lines + 2), max_size=3))),
        frozenset(draw(st.lists(st.sampled_from(["f0", "f1", "f2"]), max_size=2))),
    )
    density = draw(st.sampled_from([1.0, 0.5, 1.00017, 1.37, 2.0, 3.0]))
    return Shown("a.py", 1.0, (), text, lambda: outline, wanted, density)


def assert_stands_in(excerpt: str, text: str) -> None:
    """Assert that lines are a file's own, in its order, and that gaps count what isn't there."""
    lines, at = text.split("\n"), 0
    for line in excerpt.split("\n"):
        if gap := _GAP.fullmatch(line):
            at += int(gap[1])
        else:
            assert line == lines[at]
            at += 1
    assert at == len(lines)


@settings(max_examples=200, deadline=None)
@given(st.lists(shown(), max_size=6), st.integers(0, 20_000) | st.integers(0, 600))
def test_what_is_packed_keeps_the_budget_and_the_files_lines(files: list[Shown], budget: int) -> None:
    named = [
        Shown(f"{number}.py", one.score, one.reasons, one.text, one.outline, one.wanted, one.density)
        for number, one in enumerate(files)
    ]
    packed = pack(named, budget)
    assert sum(one.tokens for one in packed) <= budget
    places = [int(one.path.removesuffix(".py")) for one in packed]
    assert places == sorted(set(places))
    for place, one in zip(places, packed, strict=True):
        assert one.tokens == named[place].measure(one.text)
        assert_stands_in(one.text, named[place].text)


@settings(max_examples=200, deadline=None)
@given(shown(), st.integers(0, 1_000))
def test_one_file_keeps_to_its_room(file: Shown, room: int) -> None:
    packed = fit(file, room)
    assert packed is None or packed.tokens <= room


def test_gaps_cost_more_where_tokens_are_dense() -> None:
    text = "\n".join(f"def f{line}(): {'x' * (line % 7)}" for line in range(2_000))
    outline = [Definition(f"f{line}", line + 1, line + 1, line + 1) for line in range(2_000)]
    lines = frozenset(range(1, 2_000, 2))
    for density in (1.0, 1.5, 3.0):
        file = Shown("a.py", 1.0, (), text, lambda: outline, Wanted({}, lines, frozenset()), density)
        excerpt = cut(text, outline, file.wanted, 3_000, file.measure)
        assert excerpt is not None and excerpt.text.count("left out") > 10
        assert file.measure(excerpt.text) <= 3_000
        assert_stands_in(excerpt.text, text)


@given(st.lists(st.integers(0, 5_000), max_size=30), st.integers(0, 20_000), st.sampled_from([0.0, 0.7, 1.3]))
def test_shares_fall_with_the_place(sizes: list[int], budget: int, decay: float) -> None:
    found = shares(sizes, budget, decay)
    assert sum(found) <= budget
    assert all(share <= size for share, size in zip(found, sizes, strict=True))
    cut_off = [share for share, size in zip(found, sizes, strict=True) if share < size]
    assert cut_off == sorted(cut_off, reverse=True)
    if not cut_off:
        assert found == sizes


@pytest.mark.timeout(60)
def test_fifty_thousand_files_share_at_once() -> None:
    sizes: Sequence[int] = [(number * 7919) % 10_007 for number in range(50_000)]
    for budget in (0, 1, 10_000, 10**9):
        assert sum(shares(sizes, budget, 1.3)) <= budget
        assert 0 <= fitting(50_000, budget, 1.3, 100) <= 50_000
    assert fitting(50_000, 10**9, 0.0, 100) == 50_000
    assert fitting(50_000, 1_000, 0.0, 100) == 10
    assert most_files(0) == 0 and most_files(10**9) == 100
