"""The benchmark of grading measures what it says; the harness, from elsewhere, is left out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

EVALUATION = Path(__file__).resolve().parent.parent / "evaluation"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("experiments", "benchmarks"):
        monkeypatch.syspath_prepend(str(EVALUATION / folder))


def harness_of(folder: Path, seconds: Mapping[str, float], *, slow_below: int = 0) -> Path:
    """Return an interpreter that keeps what the official harness would keep, with tests that took so long."""
    python = folder / "python"
    python.write_text(
        "#!/usr/bin/env python3\n"
        "import json, pathlib, sys, time\n"
        "given = dict(zip(sys.argv[3::2], sys.argv[4::2]))\n"
        f"time.sleep(0.5 if int(given['--max_workers']) < {slow_below} else 0)\n"
        f"seconds = {dict(seconds)!r}\n"
        "for line in pathlib.Path(given['-p']).read_text().splitlines():\n"
        "    row = json.loads(line)\n"
        "    name = row['instance_id']\n"
        "    kept = pathlib.Path('logs/run_evaluation', given['-id'], 'one', name)\n"
        "    kept.mkdir(parents=True)\n"
        "    log = f'swe-scale tests at 10.000000\\nswe-scale tests at {10 + seconds[name]:.6f}\\n'\n"
        "    (kept / 'test_output.txt').write_text(log)\n"
        "    report = {name: {'resolved': row['model_patch'] == 'right'}}\n"
        "    (kept / 'report.json').write_text(json.dumps(report))\n"
    )
    python.chmod(0o755)
    return python


def test_the_harness_is_called_once_per_round_and_its_tests_seconds_are_summed(tmp_path: Path) -> None:
    import grading

    load = grading.Load(
        tmp_path / "rows.jsonl", tmp_path, [{"a": "right", "b": "wrong"}, {"a": "right", "b": "right"}]
    )
    python = harness_of(tmp_path, {"a": 1.5, "b": 0.25})
    took = grading.theirs(load, python, 4)
    assert (took.tests, took.resolved) == (3.5, 3)
    assert took.wall > 0


def test_the_harness_has_the_number_of_workers_that_suits_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import grading

    load = grading.Load(tmp_path / "rows.jsonl", tmp_path, [{"a": "right"}, {"b": "never asked"}])
    python = harness_of(tmp_path, {"a": 1.0}, slow_below=4)
    assert grading.best_workers(load, python, (1, 4)) == 4
    assert "1: " in capsys.readouterr().err


def test_what_goes_beyond_the_tests_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    import grading

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    own = [grading.Took(20.0, 30.0, 4), grading.Took(25.0, 30.0, 4)]
    other = [grading.Took(100.0, 20.0, 4), grading.Took(100.0, 20.0, 4)]
    wall, beyond, tests, resolved = grading.figures(own, other, 50, 8)
    assert (wall.ours, wall.ratio, wall.met) == (22.5, 0.225, True)
    assert (beyond.ours, beyond.baseline, beyond.met) == (7.5, 90.0, True)
    assert (tests.ratio, resolved.ratio) == (1.5, 1.0)
    assert "50 candidates" in wall.name
    assert "8 workers" in wall.name


@pytest.mark.docker
def test_nothing_is_measured_without_images(tmp_path: Path) -> None:
    import grading

    row: dict[str, Any] = {"image": "swe-scale-data/never-made:testbed", "eval_script": ""}
    with pytest.raises(SystemExit, match="testbed_images"):
        grading.load_of([row], [], tmp_path, tmp_path)


def test_both_sides_scripts_print_when_their_tests_begin_and_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import grading

    monkeypatch.setattr(grading, "there", lambda image: True)
    script = ": '>>>>> Start Test Output'\npytest\n: '>>>>> End Test Output'"
    (tmp_path / "own+name" / "repo").mkdir(parents=True)
    load = grading.load_of([{"image": "x", "eval_script": script}], [], tmp_path, tmp_path)
    (row,) = map(json.loads, load.rows.read_text().splitlines())
    assert row["eval_script"].count("swe-scale tests at") == 2
    assert (load.repos / "own__name").is_dir()
