"""Which lines a check executes, written down from inside real interpreters of every version there is."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from reach_kit import lines, traced

from swe_scale.errors import EnvironmentFailure
from swe_scale.sandbox.python import find_version


def _installed() -> Iterator[tuple[int, str]]:
    for minor in range(6, 15):
        with suppress(EnvironmentFailure):
            yield minor, find_version(f"3.{minor}", None).executable


PYTHONS = [pytest.param(minor, path, id=Path(path).name) for minor, path in _installed()]
AUDITED = 8
"""From this minor version on, processes and files that are read can be seen."""
MONITORED = 12
"""From this one on, lines are left alone once they are known."""
MODULE = """\
import os


def choose(a):
    if a:
        return 1
    x = [
        i
        for i in range(3)
    ]
    return x


def other():
    return 2


class Calc:
    y = 1

    def half(self):
        return lambda: 5
"""
LOADED = {1, 4, 14, 18, 19, 21}
PROCESS = "a process was started that isn't followed, or too much was executed"
ENDED = "an interpreter was ended before the tracer was"
FORK = "multiprocessing.get_context('fork').Process(target=calc.other)"


@pytest.mark.parametrize(("minor", "python"), PYTHONS)
@pytest.mark.parametrize(
    ("check", "own", "why"),
    [
        ("import calc, sys\ncalc.choose(0)\nsys.exit(42)\n", {5, 7, 8, 9, 11}, ""),
        ("import calc\ncalc.choose(1)\nraise ValueError\n", {5, 6}, ""),
        ("import calc\nfor _ in range(9):\n    calc.Calc().half()()\n", {22}, ""),
        ("import calc, os\ncalc.choose(1)\nos._exit(0)\n", {5, 6}, ENDED),
        ("import calc, os, signal\ncalc.other()\nos.kill(os.getpid(), signal.SIGKILL)\n", {15}, ENDED),
        ("import calc, threading\nt = threading.Thread(target=calc.other)\nt.start()\nt.join()\n", {15}, ""),
        ("import calc, os\nif os.fork() == 0:\n    calc.other()\n    os._exit(0)\nos.wait()\n", {15}, ""),
        (f"import calc, multiprocessing\np = {FORK}\np.start()\np.join()\n", {15}, ""),
        (
            "import subprocess, sys\n"
            "subprocess.check_call([sys.executable, '-c', 'import calc; calc.other()'])\n", {15}, "",
        ),
        (
            "import subprocess, sys\nimport calc\n"
            "subprocess.check_call([sys.executable, '-I', '-c', '1'])\n", set(), PROCESS,
        ),
        ("import subprocess\nsubprocess.check_call('true', shell=True)\nimport calc\n", set(), PROCESS),
        ("import calc, os\nos.system('true')\n", set(), PROCESS),
        (
            "import calc, multiprocessing\nif __name__ == '__main__':\n    "
            + FORK.replace("fork", "spawn") + ".start()\n", set(), PROCESS,
        ),
        ("import os\nos.closerange(3, 99)\nimport calc\ncalc.other()\n", {15}, ""),
        ("import os\nos.chdir('/')\nimport calc\ncalc.other()\n", {15}, ""),
    ],
    ids=[
        "says no", "raises", "again", "ends at once", "is killed", "thread", "fork", "multiprocessing",
        "interpreter", "isolated one", "shell", "system", "spawn", "closes all", "elsewhere",
    ],
)  # fmt: skip
def test_lines_that_are_executed_are_known(
    tmp_path: Path, minor: int, python: str, check: str, own: set[int], why: str
) -> None:
    seen, said = traced(tmp_path, python, check, {"calc.py": MODULE})
    loaded = LOADED if "import calc" in check else set()
    # Before 3.8, a statement over several lines is told of by fewer of them.
    assert {*lines(seen, "calc.py")} - {7} == (loaded | own) - {7}, said
    assert seen.why == why if minor >= AUDITED else seen.why


def test_a_module_is_known_by_the_path_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "linked.py").symlink_to("calc.py")
    (tmp_path / "away.py").write_text("x = 1\n")
    (tmp_path / "tree" / "away.py").symlink_to("../away.py")
    (one,) = PYTHONS[-1:]
    files = {"calc.py": MODULE}
    seen, _ = traced(tmp_path, str(one.values[1]), "import linked, away\nlinked.other()\n", files)
    assert {*lines(seen, "calc.py")} == LOADED | {15} and set(seen.lines) == {"calc.py"}


@pytest.mark.parametrize(("minor", "python"), PYTHONS)
def test_files_that_are_read_are_known(tmp_path: Path, minor: int, python: str) -> None:
    check = (
        "import calc, inspect\ninspect.getsource(calc.other)\nopen('notes.txt').read()\nopen('/etc/hosts')\n"
    )
    files = {"calc.py": MODULE, "notes.txt": "1", "left.txt": "2"}
    seen, _ = traced(tmp_path, python, check, files)
    assert seen.read == (("calc.py", "notes.txt") if minor >= AUDITED else ())


@pytest.mark.parametrize(("minor", "python"), PYTHONS)
def test_another_tracer_is_noticed_where_it_hides_anything(tmp_path: Path, minor: int, python: str) -> None:
    check = "import sys, calc\nsys.settrace(lambda *a: None)\ncalc.other()\n"
    seen, _ = traced(tmp_path, python, check, {"calc.py": MODULE})
    assert seen.why or 15 in lines(seen, "calc.py")


@pytest.mark.parametrize(("minor", "python"), PYTHONS)
def test_the_check_meets_what_it_meets_untraced(tmp_path: Path, minor: int, python: str) -> None:
    check = (
        "import os, sys\nimport __main__\n"
        "assert __name__ == '__main__' and __main__.__dict__ is globals(), __name__\n"
        "assert os.path.basename(__file__) == 'check.py'\n"
        "assert not [one for one in globals() if not one.startswith('__') and one not in ('os', 'sys')]\n"
        "assert not [place for place in sys.path if place.endswith('traced')]\n"
        "assert sys.path[0] == os.getcwd() and len(sys.argv) == 1\n"
    )
    _, said = traced(tmp_path, python, check, {"calc.py": MODULE})
    assert said.split() == ["nonce"], said


@pytest.mark.parametrize(("minor", "python"), PYTHONS)
def test_what_is_left_of_long_loops_is_not_waited_for(tmp_path: Path, minor: int, python: str) -> None:
    module = "def long(n):\n    a = 0\n    while n:\n        n -= 1\n        if n < 0:\n            a = 1\n"
    check = "import loops\nloops.long(9)\nloops.long(30000)\nloops.long(3)\n"
    seen, _ = traced(tmp_path, python, check, {"loops.py": module})
    assert {*lines(seen, "loops.py")} == {1, 2, 3, 4, 5}
    # Where lines cost nothing once they are known, all are watched to the end.
    assert seen.unsure == ({} if minor >= MONITORED else {"loops.py": ((6, 6),)})


def test_too_many_lines_are_said_to_be(tmp_path: Path) -> None:
    files = {f"m{number}.py": "x = 1\n" * 40_000 for number in range(3)}
    check = "import m0, m1, m2\n"
    (one,) = PYTHONS[-1:]
    seen, _ = traced(tmp_path, str(one.values[1]), check, files)
    assert seen.why == PROCESS and len(seen.model_dump_json()) < 1000
