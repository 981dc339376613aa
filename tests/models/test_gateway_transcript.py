"""What is kept of an agent's requests, and that it is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from swe_scale.models.gateway import cut

MARKER = len("\n[…  characters …]\n") + 20


@given(st.text(), st.integers(-3, 40))
def test_a_cut_text_is_no_longer_than_its_bound_and_the_marker(text: str, most: int) -> None:
    short = cut(text, most)
    assert len(short) <= max(0, most) + MARKER
    assert short == text if len(text) <= most else "characters" in short


def test_nothing_is_kept_where_there_is_no_room() -> None:
    for most in (0, 1):
        assert cut("x" * 50_000, most) == "\n[… 50000 characters …]\n"
    assert cut("abcdef", 4) == "ab\n[… 2 characters …]\nef"
    assert cut("", 0) == ""
