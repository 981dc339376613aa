"""Rows graded in real sandboxes: right, wrong and odd patches, flaky tests, machines that fail."""

from dataclasses import replace

import pytest
from grading_kit import BREAK, GOLD, MEND, TEST_PATCH, WRONG, GradingDesk

from swe_scale.config import Limits
from swe_scale.environment import Options
from swe_scale.grades import patch_id
from swe_scale.retry import without_waiting
from swe_scale.swebench.running import Bounded, Hindered

pytestmark = pytest.mark.bubblewrap


def test_right_wrong_empty_and_odd_patches(desk: GradingDesk) -> None:
    # What no git command applies, `patch` may: its context is off by one line.
    fuzzy = GOLD.replace(" def mean(values):\n", " def average(values):\n").replace(
        "@@ -1,2 +1,2 @@", "@@ -1,2 +1,2 @@"
    )
    both = GOLD + WRONG
    right, wrong, empty, garbage, half, applied = desk.grades(GOLD, WRONG, " \n", "garbage\n", both, fuzzy)
    assert (right.official.ruling, right.official.reason, right.runs) == ("resolved", "", 1)
    assert right.seconds >= right.test_seconds > 0
    assert (wrong.official.ruling, wrong.official.failing, wrong.official.broken) == (
        "unresolved",
        (MEND,),
        (),
    )
    assert wrong.hardened == wrong.official and MEND in wrong.official.reason
    assert (empty.official.reason, empty.test_seconds) == ("the patch is empty", 0.0)
    assert garbage.official.reason.startswith("Patch Apply Failed")
    assert half.official.ruling == "unresolved"
    assert applied.official.ruling == "resolved"


def test_a_patch_breaks_what_passed(desk: GradingDesk) -> None:
    grade = desk.grade(desk.patch({"stats.py": "def mean(values):\n    return 0.0\n"}))
    assert (grade.official.failing, grade.official.broken) == ((), (BREAK,))


def test_a_patch_of_tests_alone_still_runs_and_its_conflict_is_the_official_one(desk: GradingDesk) -> None:
    tests = "from stats import mean\n\ndef test_other():\n    assert mean([1]) == 1\n"
    grade = desk.grade(desk.patch({"tests/test_stats.py": tests}))
    assert grade.official.ruling == "unresolved" and grade.test_seconds > 0
    assert grade.official.failing == (MEND,)


def test_a_row_with_a_test_command_alone(desk: GradingDesk) -> None:
    row = desk.instance(eval_script="", test_command="PYTHONPATH=. python -m pytest -rA tests/test_stats.py")
    right, wrong = desk.grades(GOLD, WRONG, instance=row)
    assert (right.official.ruling, right.hardened.ruling) == ("resolved", "resolved")
    assert wrong.official.ruling == "unresolved"


def test_grades_are_kept_by_row_environment_and_patch(desk: GradingDesk) -> None:
    first = desk.grade(GOLD)
    assert desk.grade(GOLD + "\n") == first
    assert desk.grade(GOLD, force=True).seconds != first.seconds
    other = desk.instance(pass_to_pass=(BREAK, "tests/test_stats.py::test_none"))
    assert desk.grades(GOLD, instance=other)[0].official.broken == ("tests/test_stats.py::test_none",)
    assert desk.grade(GOLD, limits=Limits(seconds=121.0)).rules != first.rules


def test_flaky_hidden_tests_are_found_by_repeats(desk: GradingDesk) -> None:
    # The process id is all that differs from run to run of the same tree.
    tests = TEST_PATCH.replace(
        "    assert mean([]) == 0.0\n", "    import os\n+    assert os.urandom(1)[0] % 2\n"
    )
    tests = tests.replace("+3,5 @@", "+3,6 @@")
    row = desk.instance(test_patch=tests, eval_script=desk.script(tests=tests))
    grade = desk.grades(GOLD, instance=row, repeats=12)[0]
    assert (grade.flaky, grade.runs) == ((MEND,), 12)
    assert grade.official.ruling in ("resolved", "unresolved")
    again = desk.grades(GOLD, instance=row, repeats=2)[0]
    assert again == grade


def test_time_is_up(desk: GradingDesk) -> None:
    patch = desk.patch({"stats.py": "import time\ntime.sleep(60)\n"})
    grade = desk.grade(patch, limits=Limits(seconds=6.0))
    assert (grade.official.ruling, grade.official.reason) == ("unresolved", "the tests took longer than 6 s")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("x = []\nwhile True: x.append(bytearray(1 << 24))\n", "limit of memory"),
        ("import os\nfor _ in range(80): os.write(2, b'x' * (1 << 20))\n", "longer than 64 MiB"),
        ("raise OSError('No space left on device')\n", "the disk was full"),
    ],
)
def test_what_the_machine_hindered_is_not_called_unresolved(desk: GradingDesk, code: str, why: str) -> None:
    # Where the runner catches what the product prints, it would be the runner's.
    row = desk.instance(eval_script=desk.script("python -c 'import stats'; false"))
    limits = Limits(seconds=100.0, memory=256 << 20)
    with without_waiting():
        grade = desk.grades(desk.patch({"stats.py": code}), instance=row, limits=limits)[0]
    assert grade.official.ruling == grade.hardened.ruling == "infra", grade
    assert why in grade.official.reason


def test_a_script_that_never_gets_to_its_tests(desk: GradingDesk) -> None:
    row = desk.instance(
        eval_script="#!/bin/bash\nset -uxo pipefail\necho $UNKNOWN\n: '>>>>> Start Test Output'\n"
    )
    with without_waiting():
        grade = desk.grades(GOLD, instance=row)[0]
    assert grade.official.ruling == "infra" and "before its tests began" in grade.official.reason


def test_a_patch_that_kills_the_script_each_time_is_unresolved(desk: GradingDesk) -> None:
    row = desk.instance(eval_script=desk.script("python -c 'import stats'"))
    with without_waiting():
        grade = desk.grades(desk.patch({"stats.py": "import os\nos.kill(os.getppid(), 9)\n"}), instance=row)[
            0
        ]
    assert grade.official.ruling == "unresolved" and "killed by signal 9" in grade.official.reason


def test_no_place_to_run_in(desk: GradingDesk) -> None:
    lacking = desk.instance(base_commit="f" * 40)
    nowhere = desk.instance()
    image = replace(nowhere, question=nowhere.question.model_copy(update={"image": "no/such:image"}))
    with without_waiting():
        lost = desk.grades(GOLD, "", instance=lacking)
        unsaid = desk.grades(GOLD, instance=nowhere, options=Options())[0]
        unfit = desk.grades(GOLD, instance=image, options=Options())[0]
        unread = desk.grades(GOLD, instance=desk.instance(log_parser="none"))[0]
    assert [one.official.ruling for one in lost] == ["infra", "unresolved"]
    assert "f" * 12 in lost[0].official.reason
    assert "neither image nor requirements" in unsaid.official.reason
    assert "bubblewrap can't start from the image" in unfit.official.reason
    assert "log parser 'none'" in unread.official.reason


def test_pinned_requirements_stand_in_for_an_image_that_the_sandbox_cannot_use(desk: GradingDesk) -> None:
    row = desk.instance()
    packages = ("pytest", "iniconfig", "packaging", "pluggy", "pygments")
    pinned = {"image": "no/such:image", "requirements": packages}
    row = replace(row, question=row.question.model_copy(update=pinned))
    grade = desk.grades(GOLD, instance=row, options=Options())[0]
    assert (grade.official.ruling, grade.hardened.ruling) == ("resolved", "resolved"), grade


def test_a_broken_limit_is_not_tried_again() -> None:
    assert (Bounded("x").again, getattr(Hindered("x"), "again", None)) == (0, None)
    assert patch_id(" x\n") == patch_id("x")
