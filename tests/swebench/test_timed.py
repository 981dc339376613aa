"""What the tests of a row took by themselves is told apart from all that prepares them."""

import subprocess

from swe_scale.swebench.evaluation import END, START, own_seconds, timed


def test_only_the_tests_are_timed_whatever_comes_before_and_after() -> None:
    script = (
        f"set -uxo pipefail\nsleep 0.2\n: '{START}'\nsleep 0.3; false\nCODE=$?\n: '{END}'\necho code $CODE\n"
    )
    done = subprocess.run(
        ["bash", "-c", timed(script)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    seconds = own_seconds(done.stdout)
    assert seconds is not None
    assert seconds >= 0.3
    assert "\ncode 1\n" in done.stdout
    parsed = done.stdout.split(START)[1].split(END)[0]
    assert "tests at" not in parsed


def test_nothing_is_told_where_they_did_not_end_or_the_shell_is_old() -> None:
    assert own_seconds("swe-scale tests at 12.000000\n") is None
    assert own_seconds("swe-scale tests at \nswe-scale tests at \n") is None
    assert own_seconds("swe-scale tests at 9.000000\nx\nswe-scale tests at 8,500000\n") == 0.0
    old = timed(f": '{START}'\n: '{END}'").replace("EPOCHREALTIME", "UNKNOWN_TO_AN_OLD_BASH")
    subprocess.run(["bash", "-uc", old], check=True, stdout=subprocess.DEVNULL)
