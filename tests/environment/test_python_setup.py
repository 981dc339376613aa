"""What is installed for a Python project, and which runner its tests get."""

import os
import subprocess
from pathlib import Path

import pytest

from swe_scale.environment.project import Project
from swe_scale.environment.python import setup_lines, uses_pytest
from swe_scale.environment.python_declared import Declared


def project(texts: dict[str, str], *others: str) -> Project:
    return Project((*texts, *others), texts)


BUILD = '[build-system]\nrequires = ["hatchling"]\n'
GROUPS = BUILD + "[dependency-groups]\n"
MESON = """
[build-system]
build-backend = "mesonpy"
requires = ["meson-python>=0.15", "Cython", "x @ https://h/x"]
[project.optional-dependencies]
test = ["a"]
"""
MESON_FIRST = "'meson-python>=0.15' Cython ninja"
NAMED = '[project]\nname = "x"\n'


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        ({"pyproject.toml": BUILD}, ["-e ."]),
        ({"setup.py": "from setuptools import setup\nsetup()"}, ["-e ."]),
        ({"setup.cfg": "[metadata]\nname = x\n"}, ["-e ."]),
        ({"pyproject.toml": "[tool.black]\n"}, []),
        ({"setup.cfg": "[flake8]\n"}, []),
        ({"pyproject.toml": NAMED, "src/x/__init__.py": ""}, ["-e ."]),
        (
            {"pyproject.toml": BUILD + "[project.optional-dependencies]\ntest = []\ndev = []\ndocs = []\n"},
            ["-e '.[test]'"],
        ),
        (
            {"pyproject.toml": BUILD + "[project.optional-dependencies]\ndev = []\ndocs = []\n"},
            ["-e '.[dev]'"],
        ),
        (
            {"setup.py": 'setup(name="x", extras_require={"tests": ["a"], "docs": []}, **more)'},
            ["-e '.[tests]'"],
        ),
        (
            {"setup.cfg": "[metadata]\nname = x\n[options.extras_require]\ntesting =\n  a%b\n"},
            ["-e '.[testing]'"],
        ),
        (
            {"pyproject.toml": NAMED + 'dependencies = ["a>=1", "b; python_version<\'3\'"]\n'},
            ["'a>=1' 'b; python_version<'\"'\"'3'\"'\"''"],
        ),
        ({"pyproject.toml": BUILD + "[tool.poetry]\npackage-mode = false\n"}, []),
        ({"pyproject.toml": BUILD + NAMED + 'dependencies = ["a"]\n[tool.uv]\npackage = false\n'}, ["a"]),
        (
            {
                "pyproject.toml": BUILD
                + '[dependency-groups]\ntest = ["a>1", {include-group = "b"}]\nb = ["c"]\n'
            },
            ["-e .", "'a>1' c"],
        ),
        (
            {
                "pyproject.toml": BUILD
                + '[dependency-groups]\ndev = ["a", {include-group = "dev"}, 3, {x = 1}]\n'
            },
            ["-e .", "a"],
        ),
        (
            {"requirements.txt": "", "requirements-dev.txt": "", "requirements-test.txt": "", "setup.py": ""},
            ["-r requirements.txt", "-r requirements-test.txt", "-e ."],
        ),
        (
            {"requirements/dev.txt": "", "requirements/docs.txt": ""},
            ["-r requirements/dev.txt"],
        ),
        ({"pyproject.toml": "[broken"}, []),
        (
            {
                "pyproject.toml": GROUPS
                + 'test = ["a @ git+https://h/a", "ssh://h/b", "HG+git@h/c", "file:d", "", "-U", "e>1"]\n'
            },
            ["-e .", "'e>1'"],
        ),
        (
            {"pyproject.toml": NAMED + 'dependencies = ["a@ file:///a", "b;c==\'@\'"]\n'},
            ["'b;c=='\"'\"'@'\"'\"''"],
        ),
        ({"setup.py": "", "tox.ini": "[testenv]\ndeps =\n  git+https://h/a\n  b\n"}, ["-e .", "b"]),
        ({"pyproject.toml": MESON}, [MESON_FIRST, "--no-build-isolation -e '.[test]'"]),
        (
            {"pyproject.toml": BUILD + NAMED + "requires-python = '>=3.9,<=3.9'\n"},
            ["--ignore-requires-python -e ."],
        ),
        ({"pyproject.toml": BUILD + NAMED + "requires-python = '>=3.8,<=3.9'\n"}, ["-e ."]),
        ({"setup.py": "def (", "setup.cfg": "no section\n"}, ["-e ."]),
        ({"pyproject.toml": 'project = 3\ndependency-groups = "x"\ntool = []\n'}, []),
    ],
)
def test_what_is_installed(texts: dict[str, str], lines: list[str]) -> None:
    first = tuple(line.partition(" || ")[0] for line in setup_lines(Declared(project(texts))))
    assert first == tuple(f"python -m pip install {line}" for line in lines)


def test_of_the_lists_in_a_folder_of_tests_the_one_of_python_3_is_installed_as_far_as_it_can_be(
    tmp_path: Path,
) -> None:
    others = ("tests/requirements/postgres.txt", "tests/requirements/oracle.txt")
    all_of_them = "\n".join(setup_lines(Declared(project({"setup.py": ""}, *others))))
    assert all(f"-r {path}" in all_of_them for path in others)
    line, own = setup_lines(Declared(project({"setup.py": ""}, "tests/requirements/py3.txt", *others)))
    assert own.startswith("python -m pip install -e .")
    (tmp_path / "tests/requirements").mkdir(parents=True)
    listed = "# why\n-r x.txt\n\na >= 1  # why\nbroken; sys_platform != 'win32'\nc#d"
    (tmp_path / "tests/requirements/py3.txt").write_text(f"{listed}\n")
    said = 'python() { case "$*" in *-r*|*broken*) return 1;; esac; echo "<$4>"; }'
    ran = subprocess.run(
        ["sh", "-ec", f"{said}\n{line}"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert ran.stdout == "<a >= 1>\nleft out: broken; sys_platform != 'win32'\n<c#d>\n"


def test_pytest_comes_last_where_the_tests_want_it() -> None:
    wanted = setup_lines(Declared(project({"pyproject.toml": BUILD, "tests/test_a.py": "import pytest"})))
    assert wanted[:2] == ("python -m pip install -e .", "python -m pip install pytest")


def test_a_pytest_that_does_not_start_on_this_python_is_replaced(tmp_path: Path) -> None:
    pinned = project({"pyproject.toml": BUILD + "[dependency-groups]\ntest = ['pytest<5']\n"})
    line = setup_lines(Declared(pinned))[-1]
    assert line.startswith("python -m pytest --version >/dev/null 2>&1 || ")
    frozen = "Flask==1.0\npy==1.4.30\npytest==2.8.1\npytest-cov==2.1.0\npy-cpuinfo==1.0\n"
    programs = tmp_path / "python"
    programs.write_text(
        f"#!/bin/sh\ncase $* in *--version) exit 1 ;; *freeze) printf '{frozen}' ;; *) echo \"$@\" ;; esac\n"
    )
    programs.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(["sh", "-c", line], env={"PATH": path}, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[-3:] == ["py", "pytest", "pytest-cov"]
    assert "--upgrade" not in "".join(setup_lines(Declared(project({"pyproject.toml": BUILD}))))


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ({"pytest.ini": ""}, True),
        ({"tests/conftest.py": ""}, True),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, True),
        ({"setup.cfg": "[tool:pytest]\n"}, True),
        ({"tox.ini": "[pytest]\n"}, True),
        ({"requirements-test.txt": "pytest>=7\n"}, True),
        ({"tests/test_a.py": "from pytest import raises\n"}, True),
        ({"tests/test_a.py": "import unittest\n# pytest would do, too\n"}, False),
        ({"tox.ini": "[tox]\n"}, False),
        ({"pyproject.toml": "[tool.black]\n"}, False),
    ],
)
def test_which_runner_is_wanted(texts: dict[str, str], wanted: bool) -> None:
    assert uses_pytest(project(texts)) is wanted
