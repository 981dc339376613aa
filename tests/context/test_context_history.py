"""What commits say of files, and what each step of the ranking changes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from context_kit import commit_of, found, issue
from own_loop import run_async

from swe_scale.config import ContextSteps
from swe_scale.context.history import History, history_of
from swe_scale.records import Context, RankedFile
from swe_scale.repo import Past

NUMBERS = {"a.py": 0, "b.py": 1, "c.py": 2}


def history(past: Sequence[Past], seeds: dict[int, float] | None = None) -> History:
    return history_of(past, {"overflow": 1.0, "parser": 1.0}, NUMBERS, seeds or {})


def other(*paths: str) -> Past:
    return Past("release notes", paths)


def test_a_commit_like_the_issue_speaks_for_the_files_it_changed() -> None:
    told = history([other("a.py"), Past("Fix overflow in parser\n\nbody", ("b.py",)), other("c.py")])
    assert told.alike.tolist() == [0, 1, 0]
    assert told.subjects == {1: "Fix overflow in parser"}


def test_the_more_files_a_commit_changed_the_less_it_says_of_each() -> None:
    told = history([Past("overflow", ("a.py",)), Past("overflow", ("b.py", "c.py")), *[other("x")] * 9])
    assert told.alike[0] == 1 and told.alike[1] == told.alike[2] == pytest.approx(0.5**0.5)


def test_recent_changes_count_more() -> None:
    told = history([other("a.py"), *[other("x.py")] * 300, other("b.py")])
    assert told.recent[0] == 1 > told.recent[1] > told.recent[2] == 0


def test_what_was_changed_with_a_file_that_matches_counts() -> None:
    told = history([other("a.py", "b.py"), other("c.py")], {0: 1.0})
    assert told.together.tolist() == [1, 1, 0]


def test_files_that_are_gone_and_commits_without_files_say_nothing() -> None:
    told = history([Past("overflow parser", ("gone.py",)), Past("overflow", ()), Past("", ())], {0: 1.0})
    for scores in (told.alike, told.recent, told.together):
        assert scores.tolist() == [0, 0, 0]
    assert told.subjects == {}


def test_without_files_and_without_commits() -> None:
    assert history([]).alike.tolist() == [0, 0, 0]
    assert history_of([other("a")], {}, {}, {}).alike.tolist() == []


TREE = {
    "app/core.py": b"from app.depth import measure\ndef frobnicate(x):\n    return measure(x)\n",
    "app/depth.py": b"def measure(x):\n    return x\n",
    "app/quiet.py": b"VALUE = 1\n",
    "app/named.js": b"let other = 2\n",
    **{f"app/more{number}.py": b"NUMBER = %d\n" % number for number in range(5)},
}
ISSUE = issue("Frobnicate overflows", "`frobnicate` is wrong. See named.js:1.")
CHANGED = "app/quiet.py"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("history") / "source"
    first = commit_of(folder, {**TREE, CHANGED: b"VALUE = 0\n"}, "import everything")
    return folder, commit_of(folder, TREE, "Frobnicate overflows no more", first)


def ranked(source: tuple[Path, str], **steps: bool) -> dict[str, RankedFile]:
    context: Context = run_async(partial(found, ISSUE, *source, 5_000, ContextSteps(**steps)))
    return {file.path: file for file in context.ranking}


def changed(one: dict[str, RankedFile], another: dict[str, RankedFile]) -> dict[str, set[str]]:
    """Return the files of which reasons differ, and those that only one of the two has."""
    assert one.keys() == another.keys()
    differing = {path: {*one[path].reasons} ^ {*another[path].reasons} for path in one}
    return {path: reasons for path, reasons in differing.items() if reasons}


NOTHING = "has no word of the issue"


def test_a_commit_like_the_issue_raises_a_file(source: tuple[Path, str]) -> None:
    place = {path: number for number, path in enumerate(ranked(source))}
    without = {path: number for number, path in enumerate(ranked(source, history=False))}
    assert place[CHANGED] < without[CHANGED]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("history", {CHANGED: {"changed before: Frobnicate overflows no more", NOTHING}}),
        (
            "graph",
            {"app/depth.py": {"imported by app/core.py", NOTHING}},
        ),
        (
            "mentions",
            {"app/named.js": {"named in the traceback, line 1"}, "app/core.py": {"defines: frobnicate"}},
        ),
    ],
)
def test_a_step_that_is_left_out_changes_its_own_reasons_only(
    source: tuple[Path, str], step: str, expected: dict[str, set[str]]
) -> None:
    whole = ranked(source)
    without = ranked(source, **{step: False})
    assert changed(whole, without) == expected
    for path in expected:
        assert whole[path].score > without[path].score


def test_without_any_step_words_are_left(source: tuple[Path, str]) -> None:
    bare = ranked(source, history=False, graph=False, mentions=False)
    reasons = {reason.partition(":")[0] for file in bare.values() for reason in file.reasons}
    assert reasons == {"matches", NOTHING}
