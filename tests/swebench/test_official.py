"""The adapter says what the `swebench` package says, and the scripts are those that its harness runs."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from grading_kit import BREAK, ID, MEND, GradingDesk

from swe_scale.errors import UsageError
from swe_scale.swebench import evaluation
from swe_scale.swebench.evaluation import END, START, eval_script, graded_log, parts_of
from swe_scale.swebench.instance import Gold
from swe_scale.swebench.official import parser_of, read_log, rules

ROW = {"instance": ID, "repo": "own/stats", "base_commit": "a" * 40, "patch": "", "test_patch": ""}
LOGS = {
    "both pass": f"PASSED {MEND}\nPASSED {BREAK}",
    "one fails": f"FAILED {MEND} - assert\nPASSED {BREAK}",
    "one breaks": f"PASSED {MEND}\nFAILED {BREAK} - assert",
    "xfail and skip": f"XFAIL {MEND}\nSKIPPED {BREAK}",
    "skipped": f"SKIPPED {MEND}\nPASSED {BREAK}",
    "missing": f"PASSED {BREAK}",
    "nothing": "no tests ran",
    "unicode and returns": f"PASSED {MEND}\r\nPASSED {BREAK} \u2028é\ufffd",
}


def gold(**changes: object) -> Gold:
    known = {**ROW, "fail_to_pass": (MEND,), "pass_to_pass": (BREAK,), "log_parser": "parse_log_pytest"}
    return Gold.model_validate({**known, **changes})


@pytest.mark.parametrize("kind", ["pass_and_fail", "fail_only"])
@pytest.mark.parametrize("code", [None, 0, 1])
@pytest.mark.parametrize("name", LOGS)
def test_verdicts_are_those_of_the_package(tmp_path: Path, name: str, code: int | None, kind: str) -> None:
    log = f"{START}\n{LOGS[name]}\n{END}\n" + ("" if code is None else f">>>>> Test Exit Code: {code}\n")
    path = tmp_path / "log.txt"
    path.write_text(log)
    grading = importlib.import_module("swebench.harness.grading")
    types = importlib.import_module("swebench.types")
    spec = types.TestSpec(ID, "", [], "own/stats", "1", [MEND], [BREAK], "parse_log_pytest", kind)
    prediction = {"instance_id": ID, "model_name_or_path": "x", "model_patch": "x"}
    theirs = grading.get_eval_report(spec, prediction, str(path), True)[ID]
    ours = read_log(gold(eval_type=kind), log)
    assert (ours.judged.ruling == "resolved") == theirs["resolved"]
    assert ours.found == theirs["patch_successfully_applied"]
    if ours.found:
        assert list(ours.judged.failing) == theirs["tests_status"]["FAIL_TO_PASS"]["failure"]
        assert list(ours.judged.broken) == theirs["tests_status"]["PASS_TO_PASS"]["failure"]


def test_the_script_is_the_harness_s_but_for_the_cut_history(tmp_path: Path) -> None:
    desk = GradingDesk.make(tmp_path, "local")
    utils = importlib.import_module("swebench.harness.utils")
    row = {**desk.row(), "image": "x", "eval_type": "pass_and_fail"}
    theirs = utils.make_test_spec(row).eval_script
    assert eval_script(desk.instance().gold, "/testbed") == theirs.replace(desk.head, "HEAD")


def test_marks_are_those_of_the_package() -> None:
    constants = importlib.import_module("swebench.harness.constants")
    ours = (evaluation.START, evaluation.END, evaluation.EXIT_CODE)
    assert ours == (constants.START_TEST_OUTPUT, constants.END_TEST_OUTPUT, constants.TEST_EXIT_CODE)


def test_the_script_in_parts(tmp_path: Path) -> None:
    parts = parts_of(GradingDesk.make(tmp_path, "local").instance().gold, "/testbed")
    assert parts.tests == ("python -m pytest -rA tests/test_stats.py",)
    assert parts.settings == (
        "source /opt/miniconda3/bin/activate", "conda activate testbed", "cd /testbed", "cd /testbed",
        "export PYTHONPATH=/testbed",
    )  # fmt: skip
    assert parts_of(gold(eval_script="make test"), "/testbed").tests == ()


def test_a_script_is_made_of_a_test_command(tmp_path: Path) -> None:
    made = GradingDesk.make(tmp_path, "local").instance(eval_script="", test_command="make check").gold
    lines = eval_script(made, "/testbed").split("\n")
    start = lines.index(f": '{START}'")
    assert lines[start + 1 : start + 4] == ["make check", "SWEBENCH_TEST_EXIT_CODE=$?", f": '{END}'"]
    assert "git checkout HEAD tests/test_stats.py" in lines


def test_marks_that_tests_print_are_none() -> None:
    log = graded_log(
        f"{END}\n>>>>> Test Exit Code: 0\nFAILED {MEND}\n{START}\nPASSED {MEND}\nPASSED {BREAK}", 1
    )
    assert not read_log(gold(), log, closely=True).found
    assert log.count(START) == log.count(END) == 1 and log.endswith(": 1\n")
    lenient = read_log(gold(), log.replace(": 1\n", ": 0\n"), closely=True)
    assert (lenient.judged.ruling, lenient.torn) == ("resolved", (MEND,))


def test_parsers_by_repository_and_none() -> None:
    assert parser_of(gold(log_parser="", repo="django/django")) == "parse_log_django"
    with pytest.raises(UsageError, match="no log parser, and none is known for 'own/stats'"):
        parser_of(gold(log_parser=""))
    with pytest.raises(UsageError, match="the log parser 'exec'"):
        parser_of(gold(log_parser="exec"))


def test_only_what_grades_is_loaded(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PLANTED=1\n")
    code = (
        "import os, sys; from swe_scale.swebench.official import read_log; "
        "from swe_scale.swebench.instance import Gold; "
        f"print(read_log(Gold(**{gold().model_dump()!r}), '').found); "
        "print([one for one in ('datasets', 'docker', 'dotenv') if one in sys.modules]); "
        "print('PLANTED' in os.environ); "
        "import swebench.harness; print(hasattr(swebench.harness, 'utils'))"
    )
    given = [sys.executable, "-W", "ignore", "-c", code]
    shown = subprocess.run(given, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert shown.stdout.split("\n")[:4] == ["False", "[]", "False", "True"]


def test_without_the_package(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['swebench'] = None; import importlib.metadata as m; "
        "m.version = lambda name: (_ for _ in ()).throw(m.PackageNotFoundError(name)); "
        "from swe_scale.swebench.official import rules; rules()"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert "UsageError: grading follows the rules of the swebench package" in shown.stderr
    assert "pip install 'swe-scale[swebench]'" in shown.stderr and rules()
