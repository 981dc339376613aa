"""Subjects are taken apart as their writers meant them."""

import pytest

from swe_scale.house.subjects import Subject, read_subject


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        ("Handle empty names", Subject("plain", "Handle empty names")),
        ("fix(core): handle x", Subject("label", "handle x", label="fix", scope="core")),
        ("feat(api)!: drop x", Subject("label", "drop x", label="feat", scope="api")),
        ("anything(x): y", Subject("label", "y", label="anything", scope="x")),
        ("Fix: handle x", Subject("label", "handle x", label="Fix")),
        ("BUG: linalg: handle x", Subject("label", "handle x", label="BUG", scope="linalg")),
        ("DOC, MAINT: notes", Subject("label", "notes", label="DOC, MAINT")),
        ("net/http: handle x", Subject("module", "handle x", scope="net/http")),
        ("a, b: handle x", Subject("module", "handle x", scope="a, b")),
        ("[mypyc] Handle x", Subject("bracketed", "Handle x", scope="mypyc")),
        ("Fixed #12 -- Handled x.", Subject("reference", "Handled x.", lead="Fixed #{} -- ")),
        ("Fixed #12, #13 -- Handled x.", Subject("reference", "Handled x.", lead="Fixed #{} -- ")),
        ("[Fix #12] Handle x", Subject("reference", "Handle x", lead="[Fix #{}] ")),
        ("gh-12: Handle x", Subject("reference", "Handle x", lead="gh-{}: ")),
        ("KAFKA-12: Handle x", Subject("keyed", "Handle x")),
        ("🐛 Handle x", Subject("gitmoji", "Handle x", label="🐛")),
        (":bug: Handle x", Subject("gitmoji", "Handle x", label=":bug:")),
        ("Handle x (#12)", Subject("plain", "Handle x", trailing="(#{})")),
        ("Handle x (gh-12)", Subject("plain", "Handle x", trailing="(gh-{})")),
        ("Handle x, fixes #12", Subject("plain", "Handle x, fixes", trailing="#{}")),
        ("https://example.org: x", Subject("plain", "https://example.org: x")),
        ("Note that x: y", Subject("plain", "Note that x: y")),
        ("", Subject("plain", "")),
    ],
)
def test_what_a_subject_says(line: str, subject: Subject) -> None:
    assert read_subject(line) == subject


def test_the_number_that_a_service_adds_is_no_reference() -> None:
    assert read_subject("Handle x (#12)", squashed=True) == Subject("plain", "Handle x")
    assert read_subject("Handle x (#11) (#12)", squashed=True) == Subject(
        "plain", "Handle x", trailing="(#{})"
    )


def test_long_lines_are_read_in_part() -> None:
    assert len(read_subject("[x " * 100_000).text) <= 500
