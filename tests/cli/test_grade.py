"""`swe-scale grade`: predictions in, grades out, kept as they come."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from grading_kit import GOLD, ID, WRONG, GradingDesk
from main_job import assert_clean
from ready_kit import run_ready
from runs_kit import issue, patch, recorded_run

from swe_scale.grades import patch_id, read_grades

pytestmark = pytest.mark.bubblewrap


class Bench:
    """A dataset of one row, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.desk = GradingDesk.make(folder)
        self.write("rows.jsonl", self.desk.row())

    def write(self, name: str, *rows: object) -> Path:
        path = self.folder / name
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return path

    def predicted(self, *patches: str | None, name: str = ID) -> str:
        rows = [{"instance_id": name, "model_name_or_path": "m", "model_patch": one} for one in patches]
        return str(self.write("preds.jsonl", *rows))

    def arguments(self, *arguments: str) -> list[str]:
        given = ("--dataset", "rows.jsonl", "--repos", ".", "--environment", "environment.toml")
        return ["grade", *given, "--sandbox", "bubblewrap", *arguments]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "swe_scale", *self.arguments(*arguments)]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_ready(self.arguments(*arguments), self.folder, os.environ, "", timeout=300)

    def document(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        ran = self.run(*arguments, "--json")
        assert ran.returncode == code, (ran.stdout, ran.stderr)
        found: dict[str, Any] = json.loads(ran.stdout)
        return found


@pytest.fixture
def bench(tmp_path: Path, grading_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XDG_CACHE_HOME", str(grading_cache))
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def grading_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("grading-cache")


def rulings(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        one["patch"]: (one["official"]["ruling"], one["hardened"]["ruling"]) for one in document["grades"]
    }


def test_many_patches_of_a_row_each_once(bench: Bench) -> None:
    given = bench.predicted(GOLD, WRONG, GOLD + "\n", None, "")
    document = bench.document(given)
    assert rulings(document) == {
        patch_id(GOLD): ("resolved", "resolved"),
        patch_id(WRONG): ("unresolved", "unresolved"),
        patch_id(""): ("unresolved", "unresolved"),
    }
    patches = document["resolved"]["official"]["patches"]
    assert (patches["count"], patches["of"]) == (1, 3) and 0 < patches["interval"][0] < 1 / 3
    assert document["resolved"]["hardened"]["rows"]["count"] == 1
    assert (document["infra"], document["unknown"], document["unusable"]) == (0, [], [])
    kept = (bench.folder / "grades.jsonl").read_text()
    assert len(kept.splitlines()) == 3

    again = bench.document(given)
    assert again["grades"] == document["grades"] and (bench.folder / "grades.jsonl").read_text() == kept
    ran = bench.run(given)
    assert_clean(ran, 0)
    assert "official: 0.333" in ran.stdout and "1 of 3 patches; any patch of a row: 1.000" in ran.stdout
    forced = bench.document(given, "--force", "--out", "other/again.jsonl")
    assert rulings(forced) == rulings(document) and len(read_grades(bench.folder / "other/again.jsonl")) == 3


def test_the_official_verdict_alone(bench: Bench) -> None:
    given = bench.predicted(GOLD, WRONG)
    ran = bench.run(given, "--official", "--force")
    assert_clean(ran, 0, f"{patch_id(GOLD)[:8]}: resolved\n")
    assert "official: 0.500" in ran.stdout and "hardened" not in ran.stdout
    kept = (bench.folder / "grades.jsonl").read_text()
    document = bench.document(given, "--official")
    assert (bench.folder / "grades.jsonl").read_text() == kept
    assert list(document["resolved"]) == ["official"] and document["infra"] == 0
    assert rulings(document)[patch_id(GOLD)] == ("resolved", "infra")
    both = bench.document(given)
    assert rulings(both)[patch_id(GOLD)] == ("resolved", "resolved") and "hardened" in both["resolved"]
    assert bench.document(given, "--official")["grades"] == both["grades"]


def test_gold_and_empty(bench: Bench) -> None:
    assert rulings(bench.document("gold")) == {patch_id(GOLD): ("resolved", "resolved")}
    assert rulings(bench.document("empty", "--only", ID)) == {patch_id(""): ("unresolved", "unresolved")}
    assert_clean(bench.run("gold", "--only", "a__b-9"), 2, "a__b-9")


def test_killed_and_started_again(bench: Bench) -> None:
    slow = [WRONG.replace("1.0", f"{number}.5") for number in range(4)]
    given = bench.predicted(*slow, GOLD)
    file = bench.folder / "grades.jsonl"
    process = subprocess.Popen(
        bench.command(given, "--cells", "1"), cwd=bench.folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and (not file.is_file() or not file.read_bytes()):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = file.read_bytes()
    assert kept.endswith(b"\n")
    file.write_bytes(kept + b'{"instance": "own')
    document = bench.document(given)
    assert len(document["grades"]) == 5 and file.read_bytes().startswith(kept)
    assert sorted(rulings(document).values())[0] == ("resolved", "resolved")
    assert len(read_grades(file)) == 5 == len(file.read_text().splitlines())


def test_bad_predictions(bench: Bench) -> None:
    path = Path(bench.predicted(GOLD))
    path.write_text(
        path.read_text() + '{\n{"instance_id": "x"}\n{"instance_id": "no__row-1", "model_patch": ""}\n'
    )
    ran = bench.run(str(path))
    told = ("line 2: not JSON", "line 3: 'x' has no model_patch", "1 unknown to the dataset: no__row-1")
    assert_clean(ran, 1, *told)
    assert "1 of 1 patches" in ran.stdout
    assert_clean(bench.run(bench.predicted(GOLD, name="no__row-1")), 2, "no__row-1")
    path.write_text("{\n")
    assert_clean(bench.run(str(path)), 2, "holds no usable prediction", "line 1: not JSON")
    assert_clean(bench.run("nothing.json"), 2, "No such file")
    assert_clean(bench.run("no-run"), 2, "there is no run 'no-run'")
    assert_clean(bench.run(str(path), "--turns"), 2, "--candidates and --turns are for runs")
    assert_clean(bench.run("gold", "--repos", "nowhere"), 2, "--repos nowhere is not a folder")


def test_what_no_machine_could_say_is_left(bench: Bench) -> None:
    bench.write("rows.jsonl", bench.desk.row(base_commit="f" * 40))
    document = bench.document(bench.predicted(GOLD), code=1)
    assert document["infra"] == 1 and document["resolved"]["official"]["patches"]["of"] == 0
    assert document["grades"][0]["official"]["ruling"] == "infra"
    bench.write("rows.jsonl", bench.desk.row())
    assert rulings(bench.document(bench.predicted(GOLD))) == {patch_id(GOLD): ("resolved", "resolved")}


def test_a_file_of_grades_that_is_none(bench: Bench) -> None:
    (bench.folder / "grades.jsonl").write_text("{}\n")
    assert_clean(bench.run("gold"), 1, "grades.jsonl, line 1: not a grade of this version")


def test_patches_of_a_run(bench: Bench) -> None:
    folder = recorded_run(bench.folder / "runs" / "first", issues=2, graded=False)
    one = issue(0)
    bench.write("rows.jsonl", bench.desk.row(instance_id=one.id))
    counts = [len(bench.document("first", *more)["grades"]) for more in ((), ("--candidates",), ("--turns",))]
    assert counts[0] == 1 and counts[1] > 1 and counts[2] >= counts[1]
    grades = read_grades(folder / "grades.jsonl")
    assert {name for name, _ in grades} == {one.id}
    assert {name for _, name in grades} <= {
        patch_id(""),
        *(patch_id(patch(0, number)) for number in range(3)),
    }
    assert all(
        grade.official.reason.startswith(("Patch Apply", "the patch is empty")) for grade in grades.values()
    )
