"""`report`, `compare` and `export` as a user meets them: names, streams, exit codes, bad input."""

import json
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from ready_kit import run_ready
from runs_kit import recorded_run


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_ready(arguments, folder, {**os.environ, "OPENAI_API_KEY": "sk-secret"}, "", timeout=240)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, seed in (("one", 0), ("two", 1)):
        recorded_run(tmp_path / "runs" / name, issues=8, seed=seed)
    return tmp_path


def test_a_run_is_reported(place: Path) -> None:
    done = command(place, "report", "one", "--no-html")
    assert done.returncode == 0 and not done.stderr
    for part in ("resolved, hardened", "coverage", "share of random → oracle", "By trajectories",
                 "By turns", "By repository", "Cost by stage", "Brier", "connection refused"):  # fmt: skip
        assert part in done.stdout
    assert "\x1b" not in done.stdout


def test_several_stand_side_by_side_and_as_one_document(place: Path) -> None:
    done = command(place, "report", "one", "runs/two", "one")
    assert (
        done.returncode == 0 and "one" in done.stdout.splitlines()[0] and "two" in done.stdout.splitlines()[0]
    )
    found = json.loads(command(place, "report", "one", "runs/two", "--json").stdout)
    assert [one["name"] for one in found] == ["one", "two"]
    assert found[0]["hardened"]["resolved"]["of"] == 8
    assert "sk-secret" not in json.dumps(found)


def test_runs_are_compared(place: Path) -> None:
    done = command(place, "compare", "one", "two")
    assert done.returncode == 0, done.stderr
    assert "exact McNemar" in done.stdout and "usd per issue" in done.stdout and "left out" in done.stdout
    found = json.loads(command(place, "compare", "one", "one", "--json").stdout)
    assert found["sides"] == ["one (1)", "one (2)"] and found["contrasts"][0]["p"] == 1.0
    alone = command(place, "compare", "one")
    assert (alone.returncode, alone.stdout) == (2, "") and "name two runs" in alone.stderr


def test_a_run_is_exported(place: Path) -> None:
    done = command(place, "export", "one", "--to", "tables", "--table", "issues,turns", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == {"issues": 8, "turns": 84}
    assert len((place / "tables" / "turns.jsonl").read_text().splitlines()) == 84
    plain = command(place, "export", "one", "--to", "all")
    assert plain.stdout.startswith("all: 8 issues, ")
    for file in (place / "all").iterdir():
        assert "sk-secret" not in file.read_text()


@pytest.mark.parametrize("name", ["none", "half", "torn", "newer"])
@pytest.mark.parametrize(
    "arguments", [("report",), ("compare", "one"), ("export", "--to", "tables")], ids=lambda one: one[0]
)
def test_what_is_no_run_is_one_line(place: Path, name: str, arguments: tuple[str, ...]) -> None:
    runs = place / "runs"
    (runs / "half").mkdir()
    with sqlite3.connect(runs / "half" / "run.sqlite"):
        pass
    (runs / "torn").mkdir()
    (runs / "torn" / "run.sqlite").write_bytes((runs / "one" / "run.sqlite").read_bytes()[:20_000])
    (runs / "newer").mkdir()
    with sqlite3.connect(runs / "newer" / "run.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    done = command(place, *arguments, name)
    assert done.returncode in (1, 2) and done.stdout == ""
    assert done.stderr.startswith("swe-scale: ") and len(done.stderr.splitlines()) <= 2, done.stderr
    assert not (place / "tables").exists() or not list((place / "tables").iterdir())


@pytest.mark.parametrize(
    ("given", "said"),
    [(("--format", "csv"), "known are jsonl, parquet"), (("--table", "x"), "there is no table 'x'")],
)
def test_what_export_does_not_know_is_refused(place: Path, given: tuple[str, str], said: str) -> None:
    done = command(place, "export", "one", "--to", "tables", *given)
    assert done.returncode == 2 and said in done.stderr


def test_a_report_writes_its_page_unless_told_not_to(tmp_path: Path) -> None:
    recorded_run(tmp_path / "runs" / "one")
    page = tmp_path / "runs" / "one" / "report.html"
    assert command(tmp_path, "report", "one", "--json").returncode == 0
    assert command(tmp_path, "report", "one", "--no-html").returncode == 0
    assert not page.exists()
    done = command(tmp_path, "report", "one")
    assert done.returncode == 0 and "runs/one/report.html: open it in a browser" in done.stderr
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    page.unlink()
    done = command(tmp_path, "report", "one", "--json", "--html")
    assert [one["name"] for one in json.loads(done.stdout)] == ["one"] and page.exists()
