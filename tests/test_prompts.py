"""Every prompt renders, lacks nothing silently, and is text that one would like to read."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jinja2 import UndefinedError

from swe_scale import assets
from swe_scale.profiles import check_languages
from swe_scale.prompts import render
from swe_scale.records import ContextFile, Execution, Issue, RankedFile, Verdict

ISSUE = Issue(
    id="pkg-1", repo=".", base_commit="0" * 40, title="Title", body="Body", comments=("One.", "Two.")
)
FILE = ContextFile(path="a.py", tokens=1, score=1.0, reasons=(), text="x = 1\n")
RANKED = tuple(
    RankedFile(path=f"{note or 'b'}.py", tokens=1, score=1.0, reasons=(), note=note)
    for note in ("", "It reads.")
)
ENTRIES = [{"number": number, "path": f"{number}.py", "tokens": 5, "about": "It reads."} for number in (1, 2)]
NOT_YET = Execution(exit_code=42, output="not resolved\n")
FINE = Execution(exit_code=0, output="fine")
KILLED = Execution(exit_code=None, output="", timed_out=True, seconds=3.2, limit="wall")
CUT = Execution(exit_code=1, output="a\n[… 9 bytes left out …]\nb\n", truncated=9)
LOUD = Execution(exit_code=1, output="\x1b[31mred\x1b[0m\n10 %\r90 %\n")
RUNS = (NOT_YET, FINE, KILLED, CUT, LOUD)
FINALISTS = [{"label": label, "patch": "diff --git a/a b/a\n+x\n"} for label in "AB"]
CHECKS = [".swe-scale/check.py", ".swe-scale/check.sh"]
AGENT: dict[str, Any] = {
    "turns": 8, "tools": False, "seconds": 300.0, "checks": CHECKS, "begun": False, "check": ""
}  # fmt: skip
STARTS: tuple[dict[str, Any], ...] = (
    {}, {"tools": True}, {"begun": True}, {"begun": True, "check": CHECKS[0]}, {"check": CHECKS[1]},
)  # fmt: skip
SEEN: dict[str, Any] = {"execution": FINE, "untouched": None, "edited": None, "note": "", "left": 2}
VERDICTS = (
    None,
    *(
        Verdict(candidate="c", check="k", outcome=outcome, flags=flags, execution=run)
        for outcome, flags, run in (
            ("pass", (), FINE), ("fail", (), NOT_YET), ("error", ("forged",), CUT), ("timeout", (), KILLED),
        )
    ),
)  # fmt: skip
PATCH = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n"
POOR: dict[str, Any] = {
    "patch": PATCH, "own": [], "of": 0, "failed": 0, "broken": [], "more": 0, "outputs": []
}  # fmt: skip
FULL: dict[str, Any] = {
    "patch": PATCH, "own": [("fail", "error")], "of": 1, "failed": 1, "broken": ["t.py::a", "t.py::b"],
    "more": 3, "outputs": ["one", "```\ntwo\n```"],
}  # fmt: skip
HALF = {**POOR, "own": [(None, "pass")]}
COMBINED = [{"number": 1, "observations": "1 and 2"}, {"number": 2, "observations": "3"}]


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


def environments() -> Iterator[tuple[str, dict[str, Any]]]:
    common = {
        "failure": "It failed:",
        "output": "error\n",
        "place": "Here.",
        "network": "these",
        "paths": ["a"],
    }
    for rounds, setup, subdir, python in ((1, "", "", False), (3, "a\nb", "pkg", True)):
        yield "environment", {
            **common, "rounds": rounds, "setup": setup, "subdir": subdir, "root": python, "python": python,
            "python_version": "3.9" if python else "", "test": "pytest {tests}" if python else "",
            "texts": [("setup.py", "x"), ("tox.ini", "y")] if python else [],
        }  # fmt: skip


CASES: list[tuple[str, dict[str, Any]]] = [
    ("system", {}),
    *environments(),
    ("environment_observed", {"failure": "It failed:", "output": "no", "left": 1}),
    ("check_rules", {}),
    ("check_example", {}),
    ("execution", {}),
    *(("shared", {"files": (FILE, FILE), "others": others, "issue": ISSUE}) for others in ((), RANKED)),
    ("shared", {"files": (), "others": (), "issue": ISSUE.model_copy(update={"comments": ()})}),
    ("reader", {}),
    ("reader_issue", {"issue": ISSUE}),
    *(
        ("read", {"issue": ISSUE, "path": "a.py", "text": text, "part": 1, "parts": parts, "folded": folded})
        for text in ("x = 1\n", "```\ny\n```\n")
        for parts in (1, 2)
        for folded in (False, True)
    ),
    ("skim", {"issue": ISSUE, "entries": ENTRIES, "most": 3}),
    ("order", {"issue": ISSUE, "entries": ENTRIES}),
    *(("summarise", {"path": "a.py", "text": "x = 1\n", "folded": folded}) for folded in (False, True)),
    ("revise", {"turns": 8}),
    ("draft", {"turns": 8}),
    *(("draft", {"turns": 8, "languages": (one, "sh")}) for one in (*check_languages(), "python")),
    *(
        ("draft_observed", {"untouched": run, "stands": run == NOT_YET, "early": early, "left": left})
        for run in (None, *RUNS)
        for early, left in ((False, 2), (True, 1))
    ),
    *(("revise", {"turns": 8, "languages": (one, "sh")}) for one in (*check_languages(), "python")),
    *(("agent", {**AGENT, **told}) for told in STARTS),
    ("malformed", {"fault": "line 1: it is so", "left": 1}),
    *(("agent_observed", {**SEEN, "execution": run}) for run in RUNS),
    ("agent_observed", {**SEEN, "note": "It was rebuilt.", "left": 1}),
    *(("agent_observed", {**SEEN, "untouched": one, "edited": two}) for one in VERDICTS for two in VERDICTS),
    *observed(),
    *(
        (
            "exec",
            {
                "issue": ISSUE,
                "files": files,
                "checks": CHECKS,
                "languages": languages,
                "guidance": guidance,
            },
        )
        for languages in (("python", "sh"), ("node", "sh"), ("native", "sh"), ("go", "sh"))
        for guidance in ("", "Look here first.")
        for files in ((), RANKED)
    ),
    ("plan", {"most": 8}),
    ("triage", {"verdicts": ("yes", "no"), "meanings": {"yes": "It does.", "no": "Not."}, "most": 5}),
    *(
        ("plan_combined", {"wanted": wanted, "fault": fault})
        for wanted in (COMBINED, COMBINED[:1])
        for fault in ("", "It is missing.")
    ),
    *(
        (
            "test",
            {
                "rounds": 3,
                "patch": "+x",
                "check": check,
                "language": "python",
                "command": "pytest",
                "files": files,
                "others": others,
            },
        )
        for check in ("", "exit(0)\n")
        for files in ([], [("tests/test_a.py", "x\n"), ("tests/test_b.py", "y")])
        for others in ([], ["a.py", "b.py"])
    ),
    ("image", {"title": "It fails"}),
    ("words", {"patch": "```diff\n+x\n```", "longest": 72}),
    *(("test_observed", {"fault": "No.", "output": output, "left": 1}) for output in ("", "\x1b[31mred")),
    ("plan_given", {"plan": "Look here.\nThen there."}),
    ("notes_attempt", {}),
    *(
        ("notes", {"attempts": attempts, "ends": ends})
        for attempts in ([], [POOR], [HALF, POOR], [FULL, FULL, POOR])
        for ends in ([], ["1 ran out of replies", "2 never kept the format"])
        if attempts or ends
    ),
    *(
        ("notes_best", {"attempt": one, "script": script})
        for one in (POOR, HALF, FULL)
        for script in ("", "```sh\nexit 0\n```")
    ),
    ("select", {"finalists": FINALISTS, "outputs": [], "turns": 8, "checks": 4}),
    (
        "select",
        {"finalists": FINALISTS, "outputs": ["## Check 1\n\nx", "## Check 2\n\ny"], "turns": 8, "checks": 4},
    ),
    *(
        ("select_list", {"finalists": FINALISTS, "labels": ["A", "B"], "rows": rows})
        for rows in ([], [("check 1", "fail", ["pass", "fail"]), ("tests", "–", ["0", "2"])])
    ),
    (
        "select_observed",
        {"results": [{"untouched": FINE, "on": [("A", run) for run in RUNS]}] * 2, "left": 1},
    ),
]
NAMES = sorted(path.stem for path in assets.folder("prompts").glob("*.md"))


def test_output_is_shown_as_a_terminal_would_show_it() -> None:
    seen = render("select_observed", results=[{"untouched": LOUD, "on": []}], left=1)
    assert "red\n90 %\n" in seen and "\x1b" not in seen and "10 %" not in seen


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
    text = render("shared", files=(), others=(), issue=hostile)
    assert "{{ 7 * 7 }}" in text and "{% include 'system.md' %} <b>&amp;" in text


def test_the_file_is_shown_whole_and_closed() -> None:
    file = FILE.model_copy(update={"text": "\n  x = 1\n\n\n"})
    text = render("shared", files=(file,), others=(), issue=ISSUE)
    assert '<file path="a.py">\n\n  x = 1\n</file>' in text


def test_with_tools_an_agent_is_told_of_no_block_and_otherwise_the_same() -> None:
    text, tools = (render("agent", **{**AGENT, "tools": tools}).split("\n\n") for tools in (False, True))
    assert "```" not in "".join(tools) and "<submit/>" not in "".join(tools)
    told = [part for part in tools if part not in text]
    assert [part[:30] for part in told] == [
        "Each reply holds your reasonin", "The commands are run by bash a", "When the changes are right and",
    ]  # fmt: skip
    same = told[1].replace("The commands", "They").partition(", or sooner")[0]
    assert any(part.startswith(same) for part in text)


@pytest.mark.parametrize("tools", [False, True])
@pytest.mark.parametrize("check", ["", CHECKS[0]])
def test_where_there_are_changes_already_no_check_is_run_on_the_untouched_code(
    tools: bool, check: str
) -> None:
    run = "PYTHONPATH=.:src python3 .swe-scale/check.py"
    told = {
        begun: render("agent", **{**AGENT, "tools": tools, "check": check, "begun": begun})
        for begun in (False, True)
    }
    assert "Run it on the untouched code first" in told[False] and run in told[False]
    assert "on the untouched code first" not in told[True] and run not in told[True]
    assert "you are told after your first change what the check says there. Don't commit" in told[True]
    assert "exit 42 for the reason that the issue describes" in told[True]


def test_one_reply_is_singular() -> None:
    for left, words in ((1, "1 reply left"), (2, "2 replies left"), (0, "0 replies left")):
        assert words in render("malformed", fault="x", left=left)
        assert words in render("agent_observed", **{**SEEN, "left": left})
