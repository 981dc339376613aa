"""Every prompt renders, lacks nothing silently, and is text that one would like to read."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jinja2 import UndefinedError

from swe_scale import assets
from swe_scale.prompts import render
from swe_scale.records import ContextFile, Execution, Issue

ISSUE = Issue(
    id="pkg-1", repo=".", base_commit="0" * 40, title="Title", body="Body", comments=("One.", "Two.")
)
FILE = ContextFile(path="a.py", tokens=1, score=1.0, reasons=(), text="x = 1\n")
NOT_YET = Execution(exit_code=42, output="not resolved\n")
FINE = Execution(exit_code=0, output="fine")
KILLED = Execution(exit_code=None, output="", timed_out=True, seconds=3.2, limit="wall")
CUT = Execution(exit_code=1, output="a\n[… 9 bytes left out …]\nb\n", truncated=9)
RUNS = (NOT_YET, FINE, KILLED, CUT)
FINALISTS = [{"label": label, "patch": "diff --git a/a b/a\n+x\n"} for label in "AB"]


def observed() -> Iterator[tuple[str, dict[str, Any]]]:
    for untouched, edited, phase in (
        (None, None, "check"), (NOT_YET, None, "check"), (FINE, None, "check"), (NOT_YET, None, "edit"),
        (NOT_YET, FINE, "edit"), (NOT_YET, KILLED, "edit"), (CUT, NOT_YET, "edit"),
    ):  # fmt: skip
        for late, note, left in ((False, "", 5), (True, "There are no changes yet.", 1)):
            yield "revise_observed", {
                "untouched": untouched, "edited": edited, "phase": phase, "late": late, "note": note,
                "left": left,
            }  # fmt: skip


CASES: list[tuple[str, dict[str, Any]]] = [
    ("system", {}),
    ("check_rules", {}),
    ("execution", {}),
    ("shared", {"files": (FILE, FILE), "issue": ISSUE}),
    ("shared", {"files": (), "issue": ISSUE.model_copy(update={"comments": ()})}),
    ("revise", {"turns": 8}),
    ("agent", {"turns": 8, "tools": False}),
    ("agent", {"turns": 8, "tools": True}),
    ("malformed", {"fault": "line 1: it is so", "left": 1}),
    *(("agent_observed", {"execution": run, "note": "", "left": 2}) for run in RUNS),
    ("agent_observed", {"execution": FINE, "note": "It was rebuilt.", "left": 1}),
    *observed(),
    ("select", {"finalists": FINALISTS, "outputs": [], "turns": 8, "checks": 4}),
    (
        "select",
        {"finalists": FINALISTS, "outputs": ["## Check 1\n\nx", "## Check 2\n\ny"], "turns": 8, "checks": 4},
    ),
    (
        "select_observed",
        {"results": [{"untouched": FINE, "on": [("A", run) for run in RUNS]}] * 2, "left": 1},
    ),
]
NAMES = sorted(path.stem for path in assets.folder("prompts").iterdir())


def test_every_template_is_tried() -> None:
    assert sorted({name for name, _ in CASES}) == NAMES


@pytest.mark.parametrize(
    ("name", "variables"), CASES, ids=[f"{n}-{name}" for n, (name, _) in enumerate(CASES)]
)
def test_it_renders_to_clean_text(name: str, variables: dict[str, Any]) -> None:
    text = render(name, **variables)
    assert "{{" not in text and "{%" not in text
    assert "\n\n\n" not in text, "more than one blank line"
    assert not re.search(r"[ \t]+$", text, re.MULTILINE), "blanks at the end of a line"
    assert text == text.strip("\n") or name == "execution"
    # Headings and fences stand apart from what is before them; inside of a fence anything goes.
    for before, line in zip(text.split("\n"), text.split("\n")[1:], strict=False):
        assert not (line.startswith("#") and before.strip()) or before.startswith(("<issue", "<")), (
            before,
            line,
        )
    assert text.count("```") % 2 == 0


@pytest.mark.parametrize("name", sorted({name for name, variables in CASES if variables}))
def test_a_missing_variable_is_an_error(name: str) -> None:
    with pytest.raises(UndefinedError):
        render(name)


def test_nothing_of_a_person_is_a_template() -> None:
    hostile = ISSUE.model_copy(update={"title": "{{ 7 * 7 }}", "body": "{% include 'system.md' %} <b>&amp;"})
    text = render("shared", files=(), issue=hostile)
    assert "{{ 7 * 7 }}" in text and "{% include 'system.md' %} <b>&amp;" in text


def test_the_file_is_shown_whole_and_closed() -> None:
    text = render("shared", files=(FILE.model_copy(update={"text": "\n  x = 1\n\n\n"}),), issue=ISSUE)
    assert '<file path="a.py">\n\n  x = 1\n</file>' in text


def test_with_tools_an_agent_is_told_of_no_block_and_otherwise_the_same() -> None:
    text, tools = (render("agent", turns=8, tools=tools).split("\n\n") for tools in (False, True))
    assert "```" not in "".join(tools) and "<submit/>" not in "".join(tools)
    told = [part for part in tools if part not in text]
    assert [part[:30] for part in told] == [
        "Each reply holds your reasonin", "The commands are run by bash a", "When the changes are right and",
    ]  # fmt: skip
    assert told[1].replace("The commands", "They") in text


def test_one_reply_is_singular() -> None:
    for left, words in ((1, "1 reply left"), (2, "2 replies left"), (0, "0 replies left")):
        assert words in render("malformed", fault="x", left=left)
        assert words in render("agent_observed", execution=FINE, note="", left=left)
