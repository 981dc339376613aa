"""Issues that are longer than a small context can hold are cut, the same way each time, and say so."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solving_kit import Spoken, again, issue, open_desk

from swe_scale.records import Issue
from swe_scale.trajectory.shortened import fitted, shortened

MARKS = 4 * 60
"""Bytes of the lines that say what is left out: of title, body, one comment, older comments."""


def with_text(body: str, *comments: str, title: str = "It fails") -> Issue:
    return issue().model_copy(update={"title": title, "body": body, "comments": comments})


def size(one: Issue) -> int:
    return sum(len(text.encode()) for text in (one.title, one.body, *one.comments))


def test_head_and_tail_are_kept_with_a_line_between() -> None:
    assert shortened("abcdefgh", 4) == "ab\n… 4 characters left out …\ngh"
    assert shortened("a" * 3000, 100).split("\n")[1] == "… 2,900 characters left out …"
    assert shortened("abcd", 4) == "abcd" and shortened("", 0) == ""
    assert shortened("abcd", 0) == shortened("abcd", -7) == "\n… 4 characters left out …\n"


@given(st.text(max_size=300), st.integers(-3, 400))
def test_no_character_is_split_or_miscounted(text: str, most: int) -> None:
    cut = shortened(text, most)
    if cut == text:
        return
    head, tail = cut.split("\n… ")[0], cut.rsplit(" left out …\n")[-1]
    assert text.startswith(head) and text.endswith(tail)
    assert len((head + tail).encode()) <= max(0, most)
    assert f"… {len(text) - len(head) - len(tail):,} characters left out …" in cut


def test_what_fits_stays_to_the_byte() -> None:
    one = with_text("body " * 100, "first", "second")
    assert fitted(one, 1000) is one


def test_a_long_body_keeps_head_and_tail() -> None:
    body = "It began so. " + "x" * 40_000 + " and ended so."
    cut = fitted(with_text(body), 1000)
    assert cut.body.startswith("It began so. ") and cut.body.endswith(" and ended so.")
    assert "characters left out …" in cut.body and 2500 < size(cut) <= 3000 + MARKS
    assert cut.title == "It fails"


def test_the_newest_comments_are_kept() -> None:
    comments = [f"{number}: " + "c" * 400 for number in range(100)]
    cut = fitted(with_text("short", *comments), 1000)
    assert cut.body == "short"
    first, *kept = cut.comments
    assert first.startswith("… ") and first.endswith(" comments left out …")
    cut_one, *whole = kept
    assert whole == comments[-len(whole) :] and len(whole) >= 5
    assert "characters left out" in cut_one and cut_one.startswith(f"{99 - len(whole)}: ")
    assert int(first.split()[1]) == 100 - len(kept)


def test_who_knows_what_is_wanted_is_heard_before_others() -> None:
    owner, asker, opener = (
        f"[{mark}]\n{'o' * 300}" for mark in ("OWNER", "NONE, who asks for this", "NONE, who opened this")
    )
    crowd = [f"[NONE]\n{number} [OWNER]\n{'n' * 300}" for number in range(50)]
    one = with_text("short", owner, *crowd, asker, *crowd, opener, *crowd)
    cut = fitted(one, 600)
    assert [owner, asker, opener] == [text for text in cut.comments if text in (owner, asker, opener)]
    assert cut.comments[0] == f"… {153 - len(cut.comments) + 1} comments left out …"
    assert cut.comments[-1] == crowd[-1] and len(cut.comments) > 5


def test_what_is_told_of_a_patch_is_heard_as_who_may_write_is() -> None:
    crowd = [f"[OWNER]\n{number} {'o' * 300}" for number in range(50)]
    patch, review, failed = (
        f"[{mark}]\n{'p' * 300}"
        for mark in (
            "the patch that was proposed first",
            "MEMBER, in a review of that patch, on a.py",
            "tests, a check of the project's CI, failed on the patch that was proposed",
        )
    )
    cut = fitted(with_text("short", *crowd, patch, review, failed), 600)
    assert cut.comments[-3:] == (patch, review, failed)


def test_comments_leave_the_body_half_of_the_room() -> None:
    cut = fitted(with_text("b" * 50_000, *["c" * 50_000] * 3), 1000)
    assert len(cut.body) > 1400 and len(cut.comments) == 2
    assert cut.comments[0] == "… 2 comments left out …" and len(cut.comments[1]) > 1000
    assert fitted(with_text("b" * 50_000, "c" * 90, "d" * 90), 1000).comments == ("c" * 90, "d" * 90)


def test_a_title_is_no_way_around() -> None:
    cut = fitted(with_text("body", title="t" * 90_000), 1000)
    assert size(cut) < 500 and cut.body == "body"


TEXTS = st.one_of(
    st.text(max_size=50), st.builds(lambda s, n: s * n, st.text(max_size=5), st.integers(0, 900))
)


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=6), st.integers(0, 2000))
def test_it_never_has_more_than_its_room(title: str, body: str, comments: list[str], tokens: int) -> None:
    one = with_text(body, *comments, title=title)
    cut = fitted(one, tokens)
    assert size(cut) <= 3 * tokens + MARKS
    assert cut == fitted(one, tokens)
    assert cut.model_copy(update={"title": title, "body": body, "comments": tuple(comments)}) == one


def test_halves_of_characters_do_no_harm() -> None:
    assert "left out" in fitted(with_text("\ud800" * 9000), 100).body


@pytest.mark.anyio
async def test_a_trajectory_and_a_selection_are_shown_the_cut_issue(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken({})) as desk:
        long = desk.setting.issue.model_copy(update={"body": "It began so.\n" + "x\n" * 20_000})
        free, bound = (again(desk, issue=long, issue_tokens=tokens).setting for tokens in (None, 500))
        assert long.body in free.opening("")[1].content
        shown = bound.opening("Go.")[1].content
    assert len(shown) < 3000 and "It began so.\n" in shown and "characters left out …" in shown
    assert shown.endswith("</issue>\n\nGo.")
