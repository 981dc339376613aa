"""`--trace-checks` as its user meets it: in the answer, the table, the record, and with bad patches."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from main_job import RIGHT, WRONG, Desk, assert_clean, endpoint, replies
from scripted_server import ScriptedServer
from select_kit import arguments, chosen, lay_out, patch

from swe_scale.analysis.recording import Recording
from swe_scale.analysis.runs import open_run


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    lay_out(desk)
    return desk


def test_the_answer_says_which_checks_execute_what_a_patch_changes(desk: Desk) -> None:
    (desk.folder / "idle.py").write_text("import math  # not 42\nassert math.pi > 3\n")
    (desk.folder / "odd.sh").write_text("exit 42\n")
    (desk.folder / "new.diff").write_text("--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+x = 1\n")
    patches, checks = ("right.diff", "wrong.diff", "new.diff"), ("check.py", "idle.py", "odd.sh")
    options = ("--checks", *checks, "--record-all", "--trace-checks", "--name", "one")
    ran = chosen(desk, patches, *options)
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    (new,) = (one["id"] for one in answer["candidates"] if "new.py" in one["patch"])
    reach = {one["script"]: dict(one["reach"]) for one in answer["checks"]}
    texts = {name: (desk.folder / name).read_text() for name in checks}
    assert reach[texts["check.py"]].pop(new) == reach[texts["idle.py"]].pop(new) == "unknown"
    assert [{*reach[texts[name]].values()} for name in checks] == [{"executes"}, {"misses"}, {"unknown"}]
    # The run's own record has it, a replay sees it, and whoever goes on pays nothing again.
    with open_run(desk.folder / "runs" / "one") as run:
        (task,) = run.job.tasks
        solution = run.solution(task)
    assert solution is not None
    recording = Recording(solution)
    every = [recording.cut(one, None) for one in recording.first]
    assert set(recording.evidence(every).reach.values()) == {"executes", "misses", "unknown"}
    again = desk.run("resume", "one", "--json")
    assert json.loads(again.stdout) == answer
    shown = desk.run(*(word for word in arguments(desk, patches, *options) if word != "--json"))
    assert "✓°" in shown.stdout and "executed in 2 of 9 cells, not in 2 (°), unknown in 5" in shown.stdout
    table = desk.run("export", "one", "--to", "tables", "--table", "issues")
    assert_clean(table, 0)
    (row,) = (desk.folder / "tables" / "issues.jsonl").read_text().splitlines()
    assert len(json.loads(row)["reached"]) == 9


def test_without_it_nothing_is_traced_and_nothing_else_is_said(desk: Desk) -> None:
    checks = ("--checks", "check.py", "--regression-seconds", "0")
    plain = json.loads(chosen(desk, ("right.diff", "wrong.diff"), *checks, "--name", "plain").stdout)
    traced = json.loads(
        chosen(desk, ("right.diff", "wrong.diff"), *checks, "--name", "traced", "--trace-checks").stdout
    )
    assert [one.pop("reach") for one in plain["checks"]] == [{}]
    assert [{*one.pop("reach").values()} for one in traced["checks"]] == [{"executes"}]
    for answer in (plain, traced):
        del answer["seconds"]
        for verdict in answer["verdicts"]:
            del verdict["execution"]
    assert traced == plain
    for name, expected in (("plain", 0), ("traced", 1)):
        with closing(sqlite3.connect(desk.folder / "runs" / name / "run.sqlite")) as record:
            (found,) = record.execute("SELECT count(*) FROM steps WHERE path LIKE '%/lines/%'").fetchone()
        assert found == expected, name


def test_a_run_traces_each_of_its_checks_once(desk: Desk) -> None:
    log = desk.folder / "log"
    texts = {f"issue/{step}": text for step, text in replies((RIGHT, WRONG, RIGHT), log).items()}
    with ScriptedServer(texts) as server:
        given = ("--samples", "3", "--json", "--trace-checks", "--rule", "latent")
        options = (*given, *endpoint(server.base_url))
        first = desk.solve(*options)
        assert_clean(first, 0)
        runs = log.read_text()
        again = desk.solve(*options)
    answer = json.loads(first.stdout)
    written = [one for one in answer["checks"] if one["kind"] == "reproduction"]
    assert len(written) == 3 and all({*one["reach"].values()} == {"executes"} for one in written)
    assert not any(one["reach"] for one in answer["checks"] if one["kind"] == "regression")
    assert json.loads(again.stdout) == answer and log.read_text() == runs


def test_patches_that_nobody_would_write_are_unknown_and_no_more(desk: Desk) -> None:
    (desk.folder / "broken.diff").write_text(patch("    return ((("))
    (desk.folder / "binary.diff").write_text(patch("    return '\x01\x0c\x1c\u2028'"))
    ran = chosen(
        desk,
        ("right.diff", "broken.diff", "binary.diff"),
        "--checks",
        "check.py",
        "--trace-checks",
        "--record-all",
    )
    assert_clean(ran, 0)
    found = json.loads(ran.stdout)
    (reach,) = (one["reach"] for one in found["checks"] if one["kind"] == "reproduction")
    names = {one["id"]: one["patch"] for one in found["candidates"]}
    said = {name: word for name, word in reach.items() if "(((" in names[name] or "\x0c" in names[name]}
    assert set(said.values()) <= {"unknown", "executes"} and len(reach) == len(names)
