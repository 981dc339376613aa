"""Which functions a program executes, written down from inside real interpreters, and what that says."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from swe_scale.errors import EnvironmentFailure
from swe_scale.regression.executed import (
    Executed,
    changed_functions,
    changed_lines,
    executes,
    read_trace,
)
from swe_scale.regression.tracing import tracer
from swe_scale.sandbox.python import find_version


def _installed() -> Iterator[str]:
    for minor in range(6, 15):
        with suppress(EnvironmentFailure):
            yield find_version(f"3.{minor}", None).executable


PYTHONS = list(dict.fromkeys([sys.executable, *_installed()]))

MODULE = """\
class Calc:
    def add(self, a, b):
        return a + b

    @staticmethod
    def half(a):
        return a // 2


def unused():
    return 1
"""
PROGRAM = "from pkg.calc import Calc\nCalc().add(1, 2)\nCalc.half(4)\n"


def traced(folder: Path, python: str, program: str, variables: Mapping[str, str] | None = None) -> Executed:
    """Return what a program executes of a small package."""
    root, place = folder / "tree", folder / "traced"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "__init__.py").write_text("")
    (root / "pkg" / "calc.py").write_text(MODULE)
    (root / "run.py").write_text(program)
    place.mkdir()
    (place / "sitecustomize.py").write_bytes(tracer())
    (place / "root").write_text(str(root))
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [python, str(root / "run.py")],
        cwd=root,
        env=own | dict(variables or {}),
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    return read_trace((place / "executed").read_bytes())


@pytest.mark.parametrize("python", PYTHONS, ids=os.path.basename)
def test_functions_that_are_entered_are_known(tmp_path: Path, python: str) -> None:
    seen = traced(tmp_path, python, PROGRAM)
    assert seen.functions["pkg/calc.py"] - {5, 6} == {0, 2}
    # A decorated function begins with its decorator; before Python 3.8 too.
    assert seen.functions["pkg/calc.py"] & {5, 6}
    assert seen.functions["run.py"] == {0}
    assert seen.whole


@pytest.mark.parametrize("python", PYTHONS, ids=os.path.basename)
@pytest.mark.parametrize(
    "program",
    [
        "import os\n" + PROGRAM + "os._exit(0)\n",
        "import threading\nfrom pkg.calc import Calc\n"
        "t = threading.Thread(target=Calc().add, args=(1, 2))\nt.start()\nt.join()\n",
        "import os\nfrom pkg.calc import Calc\n"
        "if os.fork() == 0:\n    Calc().add(1, 2)\n    os._exit(0)\nos.wait()\n",
        "import os, subprocess, sys\n"
        "subprocess.check_call([sys.executable, '-c', 'from pkg.calc import Calc; Calc().add(1, 2)'])\n",
    ],
    ids=["ended at once", "thread", "fork", "another program"],
)
def test_threads_and_children_are_traced(tmp_path: Path, python: str, program: str) -> None:
    assert 2 in traced(tmp_path, python, program).functions["pkg/calc.py"]


@pytest.mark.parametrize("python", PYTHONS, ids=os.path.basename)
def test_another_tracer_is_noticed_where_it_hides_anything(tmp_path: Path, python: str) -> None:
    seen = traced(tmp_path, python, "import sys\nsys.settrace(lambda *a: None)\n" + PROGRAM)
    assert not seen.whole or 2 in seen.functions["pkg/calc.py"]


def test_the_project_s_own_customisation_still_runs(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins\nbuiltins.customised = True\n")
    places = os.pathsep.join((str(tmp_path / "traced"), str(own)))
    program = f"assert customised\n{PROGRAM}"
    assert traced(tmp_path, sys.executable, program, {"PYTHONPATH": places}).functions


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"x\ty\n", b"5 pkg.py\n", b"\xff\xfe\t\n", b"99999999999\tpkg.py\n", b"7\t\n"]
)
def test_what_the_tracer_cannot_have_written_is_passed_over(data: bytes) -> None:
    assert read_trace(data) == Executed()


def test_a_trace_is_read() -> None:
    seen = read_trace(b"0\ta.py\n3\ta.py\n3\tb c.py\n-1\tdisplaced\n")
    assert seen.functions == {"a.py": {0, 3}, "b c.py": {3}}
    assert not seen.whole


@pytest.mark.parametrize(
    ("new", "functions"),
    [
        (MODULE, set()),
        (MODULE.replace("a + b", "b + a"), {2}),
        (MODULE.replace("a // 2", "a / 2"), {5}),
        (MODULE.replace("    @staticmethod\n", ""), {5}),
        (MODULE.replace("return a + b", "c = a\n        return c + b"), {2}),
        (MODULE.replace("a + b", "b + a").replace("return 1", "return 2"), {2, 10}),
        (MODULE.replace("class Calc:", "class Calc(object):"), set()),
        ("", {2, 5, 10}),
        (MODULE + "\n\ndef new():\n    pass\n", set()),
    ],
)
def test_changed_functions_are_those_in_which_lines_differ(new: str, functions: set[int]) -> None:
    found = changed_functions(MODULE, changed_lines(MODULE, new))
    assert found == functions | ({10} if "new()" in new else set())


def test_how_much_of_a_change_is_executed() -> None:
    changed = {"a.py": frozenset({3}), "b.py": frozenset[int]()}
    assert executes(Executed(functions={"a.py": frozenset({0, 3})}), changed) == 2
    assert executes(Executed(functions={"a.py": frozenset({0, 9})}), changed) == 1
    assert executes(Executed(functions={"b.py": frozenset({1})}), changed) == 1
    assert executes(Executed(functions={"a.py": frozenset({0})}), changed) == 0
    assert executes(Executed(functions={"c.py": frozenset({3})}), changed) == 0


READS = """\
import glob, os, pathlib
open('data.txt').close()
pathlib.Path('pkg/__init__.py').read_bytes()
os.listdir('pkg')
glob.glob('*.json')
import pkg.calc
try:
    import pkg.absent
except ImportError:
    pass
"""
SEEING = [python for python in PYTHONS if not python.endswith(("3.6", "3.7"))]


@pytest.mark.parametrize("python", SEEING, ids=os.path.basename)
def test_what_is_read_listed_and_looked_for_is_known(tmp_path: Path, python: str) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "data.txt").write_text("x")
    seen = traced(tmp_path, python, READS)
    assert {"data.txt", "pkg/__init__.py"} <= seen.read
    assert {"", "pkg"} == seen.listed
    assert {"pkg", "pkg.calc", "pkg.absent"} <= seen.imported
    assert seen.whole and not seen.hidden


@pytest.mark.parametrize("python", [one for one in PYTHONS if one not in SEEING], ids=os.path.basename)
def test_an_interpreter_that_tells_of_nothing_is_noticed(tmp_path: Path, python: str) -> None:
    assert traced(tmp_path, python, PROGRAM).hidden


@pytest.mark.parametrize("python", SEEING, ids=os.path.basename)
@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("subprocess.check_call(['true'])", True),
        ("subprocess.check_call('true', shell=True)", True),
        ("os.system('true')", True),
        ("os.waitpid(os.posix_spawn(shutil.which('true'), ['true'], os.environ), 0)", True),
        ("subprocess.check_call([sys.executable, '-I', '-c', '1'])", True),
        ("subprocess.check_call([sys.executable, '-c', '1'], env={'PATH': os.environ['PATH']})", True),
        ("os.execv(shutil.which('true'), ['true'])", True),
        ("subprocess.check_call([sys.executable, '-c', '1'])", False),
        ("subprocess.check_call([sys.executable, '-m', 'pkg.calc', '-S'])", False),
        ("subprocess.check_call([sys.executable, '-c', '1'], env=dict(os.environ))", False),
        ("import multiprocessing as m\nm.get_context('fork').Process(target=print).start()", False),
    ],
)
def test_a_process_that_cannot_be_seen_into_is_noticed(
    tmp_path: Path, python: str, line: str, hidden: bool
) -> None:
    assert traced(tmp_path, python, f"import os, shutil, subprocess, sys\n{line}\n").hidden is hidden


def test_a_trace_that_was_cut_hides_something() -> None:
    assert not read_trace(b"0\ta.py\n", 100).hidden
    assert read_trace(b"0\ta.py\n", 5).hidden
    assert read_trace(b"-3\t\xff.txt\n").hidden
