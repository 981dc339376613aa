"""Records are frozen, complete, and come back from JSON as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from swe_scale.records import Check, Completion, Execution, File, Issue, Usage, digest

TEXT = st.text(st.characters(), max_size=20)


def test_there_is_no_field_for_what_a_solver_may_not_know() -> None:
    fields = set(Issue.model_fields)
    assert fields == {"id", "repo", "base_commit", "title", "body", "comments", "labels", "images"}
    with pytest.raises(ValidationError):
        Issue(id="a", repo="b", base_commit="c", title="d", body="e", patch="gold")  # type: ignore[call-arg]


def test_records_are_frozen() -> None:
    record = Completion(text="a")
    with pytest.raises(ValidationError):
        record.text = "b"  # type: ignore[misc]


@given(st.binary(max_size=50))
def test_bytes_come_back(data: bytes) -> None:
    file = File(mode="100644", data=data)
    assert File.model_validate_json(file.model_dump_json()) == file
    assert File.model_validate(file.model_dump(mode="json")) == file


@given(st.lists(TEXT | st.binary(max_size=9), max_size=4), st.lists(TEXT | st.binary(max_size=9), max_size=4))
def test_a_digest_tells_apart_where_parts_end(one: list[str | bytes], other: list[str | bytes]) -> None:
    def raw(parts: list[str | bytes]) -> list[bytes]:
        return [part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in parts]

    assert (digest(*one) == digest(*other)) == (raw(one) == raw(other))


def test_a_digest_takes_any_text() -> None:
    values = {
        digest("\ud800"),
        digest("\udcff"),
        digest(""),
        digest(),
        digest("", ""),
        digest("a", "b"),
        digest("ab"),
    }
    assert len(values) == 7 and all(len(value) == 16 for value in values)


def test_equal_scripts_are_one_check() -> None:
    one = Check.of("exit 0\n", "reproduction", author=1)
    assert Check.of("exit 0\n", "distinguishing", author=2).id == one.id
    assert Check.of("exit 0\n", "reproduction", language="sh").id != one.id
    assert Check.of("exit 0\n", "reproduction", foreign=True).id != one.id


USAGES = st.builds(
    Usage,
    calls=st.integers(0, 9), prompt_tokens=st.integers(0, 99), cached_tokens=st.integers(0, 99),
    written_tokens=st.integers(0, 99),
    completion_tokens=st.integers(0, 99), reasoning_tokens=st.integers(0, 99),
)  # fmt: skip


@given(USAGES, USAGES)
def test_usage_adds_up_field_by_field(one: Usage, other: Usage) -> None:
    both = one + other
    for name in Usage.model_fields:
        assert getattr(both, name) == getattr(one, name) + getattr(other, name)
    assert both.tokens == one.tokens + other.tokens
    assert one + Usage() == one


def test_an_execution_says_only_what_happened() -> None:
    run = Execution(exit_code=None, output="", timed_out=True, limit="wall")
    assert Execution.model_validate_json(run.model_dump_json()) == run
    with pytest.raises(ValidationError):
        Execution(exit_code=0, output="", limit="time")
