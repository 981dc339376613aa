"""`swe-scale select` as its user meets it: patches of others, a repository, a process."""

import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from main_job import ALSO_RIGHT, RIGHT, WRONG, Desk, assert_clean, check, endpoint, git
from scripted_server import ScriptedServer
from select_kit import arguments, chosen, lay_out, patch, prediction

from swe_scale.analysis.recording import Recording
from swe_scale.analysis.runs import open_run
from swe_scale.cli.select_app import repeated
from swe_scale.ranking import find_rule

EVERY = ("right.diff", "also.diff", "wrong.diff", "worse.diff")
FLAGS = {"--json", "--apply"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    lay_out(desk)
    return desk


def answer_of(ran: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, Any]:
    assert_clean(ran, code)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def without_times(text: str) -> str:
    return re.sub(r'"(seconds|environment|context|search|selection)": [\d.e-]+', "", text)


def test_without_a_model_given_checks_and_the_repositorys_tests_decide(desk: Desk) -> None:
    ran = chosen(
        desk, EVERY, "--checks", "check.py", "foreign.py", "tests.patch", "--out", "fix.diff", "--record-all"
    )
    answer = answer_of(ran)
    assert answer["outcome"] == "proposed" and (desk.folder / "fix.diff").read_text() == answer["patch"]
    assert [one["votes"] for one in answer["ranking"]] == [3, 3, 0, 0]
    assert {one["author"] for one in answer["checks"]} == {None}
    assert answer["usage"]["calls"] == 0 and "no model is asked" in ran.stderr
    assert "3 given checks for it" in answer["reason"]
    decided = [one["reason"] for one in answer["decisions"]]
    assert decided == [
        "4 patches are given, 4 to be judged, 4 of them different; "
        "of 3 given checks 3 fail on the untouched code",
        "2 finalists are level, and no model is to tell them apart",
    ]
    (folder,) = (path for path in (desk.folder / "runs").iterdir() if path.is_dir())
    assert {"run.sqlite", "config.toml", "preds.jsonl"} <= {path.name for path in folder.iterdir()}
    assert json.loads((folder / "preds.jsonl").read_text())["model_patch"] == answer["patch"]
    again = desk.run("resume", folder.name, "--json")
    assert json.loads(again.stdout) == answer


def test_names_order_and_form_of_files_change_nothing_in_the_answer(desk: Desk, tmp_path: Path) -> None:
    texts = [patch(body) for body in (RIGHT, RIGHT, ALSO_RIGHT, WRONG)]
    files = [desk.folder / f"{number}.diff" for number in range(4)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    first = chosen(desk, files, "--checks", "check.py", "foreign.py", "--name", "one")
    other = Desk(tmp_path / "other")
    shutil.rmtree(other.repository)
    shutil.copytree(desk.repository, other.repository)
    lay_out(other)
    makers = {"Zoe": texts[3], "Ann": texts[0], "best-agent": texts[2]}
    lines = (prediction(text, maker=maker) for maker, text in makers.items())
    (other.folder / "a.jsonl").write_text("".join(lines))
    (other.folder / "patches").mkdir()
    (other.folder / "patches" / "winner.patch").write_text(texts[1].replace("\n", "\r\n"))
    second = chosen(other, ["patches", "a.jsonl"], "--checks", "foreign.py", "check.py", "--name", "two")
    assert answer_of(first)["outcome"] == "proposed"
    assert without_times(first.stdout) == without_times(second.stdout)
    with closing(sqlite3.connect(other.folder / "runs/two/run.sqlite")) as record:
        dump = "\n".join(record.iterdump())
    for name in ("Zoe", "best-agent", "winner"):
        assert name not in dump and name not in second.stdout, "who made a patch is on record"


def test_equal_changes_count_as_agreement_and_branches_are_candidates(desk: Desk) -> None:
    git(desk.repository, "checkout", "-q", "-b", "fix/one")
    (desk.repository / "stats.py").write_text(f"def mean(values):\n{RIGHT}\n")
    git(desk.repository, "commit", "-qam", "fix")
    git(desk.repository, "checkout", "-q", "main")
    (desk.folder / "a.jsonl").write_text(prediction(patch(RIGHT)) + prediction("") + prediction("", "other"))
    answer = answer_of(chosen(desk, ["branch:fix/one", "a.jsonl", "right.diff", "right.diff", "wrong.diff"]))
    assert [one["similar"] for one in answer["ranking"]] == [2, 0]
    assert sorted(len(one["authors"]) for one in answer["candidates"]) == [1, 3]
    assert "left out: 1 changing nothing" in answer["decisions"][0]["reason"]
    (desk.repository / "more.py").write_text("")
    git(desk.repository, "add", ".")
    git(desk.repository, "commit", "-qm", "goes on")
    moved = chosen(desk, ["branch:fix/one"])
    assert_clean(moved, 2, "branch:fix/one doesn't build on the base commit", "--base")


def test_one_candidate_is_judged_though_there_is_nothing_to_choose(desk: Desk) -> None:
    alone = answer_of(chosen(desk, ["right.diff"], "--checks", "check.py"))
    assert alone["outcome"] == "proposed" and "nothing to be chosen among" in alone["decisions"][0]["reason"]
    wrong = answer_of(chosen(desk, ["wrong.diff"], "--checks", "check.py"), 3)
    assert wrong["patch"] is None and len(wrong["verdicts"]) > 2
    unsupported = answer_of(chosen(desk, ["right.diff"]), 3)
    assert "nobody but its own author" in unsupported["reason"]


def test_checks_that_say_nothing_or_contradict_each_other_decide_nothing(desk: Desk) -> None:
    always = {
        "passes.py": "import sys\nsys.exit(0)  # not 42\n",
        "breaks.py": "raise SystemExit(1)  # or exit 42\n",
    }
    for name, text in always.items():
        (desk.folder / name).write_text(text)
    vain = answer_of(chosen(desk, EVERY, "--checks", *always, "--regression-seconds", "0"), 3)
    assert "of 2 given checks 0 fail on the untouched code" in vain["decisions"][0]["reason"]
    wants = (
        "import sys\nfrom stats import mean\ntry:\n    seen = mean([])\nexcept ZeroDivisionError:\n"
        "    sys.exit(42)\n"
    )
    for name, value in (("zero.py", "0.0"), ("none.py", "None")):
        (desk.folder / name).write_text(f"{wants}sys.exit(0 if seen == {value} else 42)\n")
    (desk.folder / "none.diff").write_text(patch("    return sum(values) / len(values) if values else None"))
    both = ("right.diff", "none.diff")
    torn = answer_of(chosen(desk, both, "--checks", "zero.py", "none.py", "--regression-seconds", "0"))
    assert [(one["votes"], one["of"]) for one in torn["ranking"]] == [(1, 2)] * 2
    first, second = (one["posterior"] for one in torn["ranking"])
    assert 0.1 < second <= first < 0.4 and first - second < 0.02, "either is as likely, and perhaps none"
    doubted = chosen(desk, both, "--checks", "zero.py", "none.py", "--min-confidence", "0.9")
    assert "0.90 is asked" in answer_of(doubted, 3)["reason"]


def test_a_candidate_that_forges_its_pass_or_edits_only_the_build_never_wins(desk: Desk) -> None:
    cheat = (
        "--- a/stats.py\n+++ b/stats.py\n@@ -1,2 +1,4 @@\n+import os\n+os._exit(0)\n def mean(values):\n"
        "     return sum(values) / len(values)\n"
    )
    (desk.folder / "cheat.diff").write_text(cheat)
    (desk.folder / "build.diff").write_text("--- /dev/null\n+++ b/setup.py\n@@ -0,0 +1 @@\n+x = 1\n")
    (desk.folder / "conf.diff").write_text("--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1 @@\n+x = 1\n")
    given = ("cheat.diff", "build.diff", "conf.diff", "right.diff")
    ran = chosen(desk, given, "--checks", "check.py", "foreign.py", "tests.patch")
    answer = answer_of(ran)
    assert "if values else 0.0" in answer["patch"]
    assert [one["votes"] for one in answer["ranking"]] == [3, 0, 0]
    assert "left out: 1 changing tests only" in answer["decisions"][0]["reason"]


def server(choice: str = "B", **settings: Any) -> ScriptedServer:
    """Return a model that writes checks, and chooses among finalists."""

    def reply(step: str, _: object) -> str:
        place = step.partition("/")[2]
        if place.startswith("trajectory/"):
            return check(name=place[:13]) + ("<done/>\n" if place.endswith("02") else "")
        return f'It is right.\n<choose candidate="{choice}"/>\n'

    return ScriptedServer(reply, **settings)


def test_a_model_writes_checks_without_seeing_patches_and_chooses_among_level_finalists(desk: Desk) -> None:
    with server() as model:
        given = ("--write-checks", "2", *endpoint(model.base_url))
        ran = chosen(desk, EVERY, *given)
        asked = {call.step.partition("/")[2]: json.dumps(call.body["messages"]) for call in model.calls}
        calls = len(model.calls)
        again = chosen(desk, EVERY, *given)
        more = chosen(desk, EVERY[:3], *given, "--name", "fewer")
        assert len([call for call in model.calls if "/trajectory/" in call.step]) == 8
    answer = answer_of(ran)
    assert len(asked) == calls == 5
    writers = [text for step, text in asked.items() if step.startswith("trajectory/")]
    assert not any("if values" in text or "max(len" in text for text in writers), "a writer saw a patch"
    assert "if values" in asked["selection/turn/01"] and ".diff" not in asked["selection/turn/01"]
    assert sorted(one["author"] for one in answer["checks"] if one["kind"] == "reproduction") == [1, 2]
    assert "it was B, chose it" in answer["reason"]
    assert [one["strategy"] for one in answer["trajectories"]] == ["check", "check", *["given"] * 4]
    assert json.loads(again.stdout) == answer and answer_of(more)["outcome"] == "proposed"


def test_adaptive_has_checks_written_as_long_as_they_tell_something(desk: Desk) -> None:
    with server() as model:
        given = ("--write-checks", "4", "--policy", "adaptive", *endpoint(model.base_url))
        level, told = (chosen(desk, names, *given) for names in (EVERY, ("right.diff", "wrong.diff")))
    written = [one["reason"] for one in answer_of(level)["decisions"] if one["action"] == "start"]
    assert 1 < len(written) <= 4 and "a check alone, which makes it more probable by 0.0" in written[1]
    assert "another patch" not in written[1]
    decided = answer_of(told)["decisions"]
    assert [one["action"] for one in decided].count("start") == 1, "the first one tells them apart"
    assert "less than is worth it" in next(one["reason"] for one in decided if one["action"] == "stop")


def test_a_model_that_is_configured_but_not_needed_is_not_reached(desk: Desk) -> None:
    nobody = ("--base-url", "http://127.0.0.1:9/v1", "--model", "none")
    ran = chosen(desk, EVERY, "--checks", "check.py", "--selection-turns", "0", *nobody)
    assert answer_of(ran)["outcome"] == "proposed"
    assert_clean(chosen(desk, EVERY, "--write-checks", "1"), 2, "no model is named")


def test_a_selection_can_be_replayed_with_the_checks_that_were_given(desk: Desk) -> None:
    answer = answer_of(chosen(desk, EVERY, "--checks", "check.py", "foreign.py", "--name", "kept"))
    with open_run(desk.folder / "runs" / "kept") as run:
        (solution,) = run.solutions()
    record = Recording(solution)
    seen = record.evidence([record.cut(one, None) for one in record.first])
    assert find_rule("latent")(seen).ranked == solution.ranking
    assert {one.id for one in seen.checks} == {one["id"] for one in answer["checks"]}
    assert_clean(desk.run("replay", "kept", "--samples", "4"), 2, "kept has no grades")
    assert_clean(desk.run("replay", "kept", "--samples", "5"), 2, "at most 4 trajectories")


def test_what_a_person_reads_names_no_trajectory_that_was_not_made(desk: Desk) -> None:
    given = [one for one in arguments(desk, EVERY, "--checks", "check.py") if one != "--json"]
    ran = desk.run(*given)
    assert_clean(ran, 0)
    assert "Trajectories" not in ran.stdout and "c1 given" in ran.stdout and "Proposed:" in ran.stdout
    assert_clean(desk.run(*given, "--name", "kept"), 0)
    advice = desk.run("advise", "kept")
    assert_clean(advice, 0)
    assert advice.stdout.startswith("kept: rule latent; 0 of 1 issue graded in full (hardened)")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("--candidates a b issue", "--candidates a --candidates b issue"),
        ("issue --candidates a b", "issue --candidates a --candidates b"),
        ("--checks c d --candidates a --json i", "--checks c --checks d --candidates a --json i"),
        ("--candidates a issue --repo r", "--candidates a issue --repo r"),
        ("--candidates a --repo=r --json issue", "--candidates a --repo=r --json issue"),
        ("--candidates a --candidates b --json -", "--candidates a --candidates b --json -"),
        ("--candidates a b -- issue", "--candidates a --candidates b -- issue"),
        ("--candidates a", "--candidates a"),
        ("--repo", "--repo"),
    ],
)  # fmt: skip
def test_a_list_takes_what_follows_and_leaves_the_issue(given: str, found: str) -> None:
    assert repeated(given.split(), FLAGS) == found.split()
