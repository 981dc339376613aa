"""The benchmark of grading measures what it says; the harness, from elsewhere, is left out."""

import json
import subprocess
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
    """Return an interpreter that keeps what the harness would: scripts took 60.5 s and these."""
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
        "    log = 'what this script took\\n+ times\\n0m0.000s 0m0.000s\\n'\n"
        "    log = f'1m5s\\n{log}1m{seconds[name]}s 0m0.5s\\n'\n"
        "    (kept / 'test_output.txt').write_text(log)\n"
        "    report = {name: {'resolved': row['model_patch'] == 'right'}}\n"
        "    (kept / 'report.json').write_text(json.dumps(report))\n"
    )
    python.chmod(0o755)
    return python


def test_the_harness_is_called_once_per_round_and_its_scripts_seconds_are_summed(tmp_path: Path) -> None:
    import grading

    load = grading.Load(
        tmp_path / "rows.jsonl", tmp_path, [{"a": "right", "b": "wrong"}, {"a": "right", "b": "right"}]
    )
    python = harness_of(tmp_path, {"a": 1.5, "b": 0.25})
    took = grading.theirs(load, python, 4)
    assert (took.scripts, took.resolved) == (3.5 + 4 * 60.5, 3)
    assert took.wall > 0


def test_the_harness_has_the_number_of_workers_that_suits_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import grading

    load = grading.Load(tmp_path / "rows.jsonl", tmp_path, [{"a": "right"}, {"b": "never asked"}])
    python = harness_of(tmp_path, {"a": 1.0}, slow_below=4)
    assert grading.best_workers(load, python, (1, 4)) == 4
    assert "1: " in capsys.readouterr().err


def test_what_goes_beyond_the_scripts_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    import grading

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    official = [grading.Took(20.0, 4), grading.Took(25.0, 4)]
    both, other = [grading.Took(40.0, 4)] * 2, [grading.Took(100.0, 4, 20.0)] * 2
    wall, beyond, verdicts, scripts, resolved = grading.figures(official, both, other, 50, 8)
    assert (wall.ours, wall.ratio, wall.met) == (22.5, 0.225, True)
    assert (beyond.ours, beyond.baseline, beyond.met) == (12.5, 90.0, True)
    assert (verdicts.ratio, scripts.ours, resolved.ratio) == (0.4, 10.0, 1.0)
    assert "50 candidates" in wall.name
    assert "8 workers" in wall.name


@pytest.mark.docker
def test_nothing_is_measured_without_images(tmp_path: Path) -> None:
    import grading

    row: dict[str, Any] = {"image": "swe-scale-data/never-made:testbed", "eval_script": ""}
    with pytest.raises(SystemExit, match="testbed_images"):
        grading.load_of([row], [], tmp_path, tmp_path)


def test_both_sides_scripts_print_what_they_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import grading

    monkeypatch.setattr(grading, "there", lambda image: True)
    script = "set -x\nsh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'\n"
    (tmp_path / "own+name" / "repo").mkdir(parents=True)
    load = grading.load_of([{"image": "x", "eval_script": script}], [], tmp_path, tmp_path)
    (row,) = map(json.loads, load.rows.read_text().splitlines())
    ran = subprocess.run(["bash", "-c", row["eval_script"]], capture_output=True, text=True, check=True)
    assert 0.01 < grading.processor_seconds(f"99m9s\n{ran.stdout}") < 60
    assert (load.repos / "own__name").is_dir()
