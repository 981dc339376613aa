"""What is installed for a Python project, and which runner its tests get."""

import pytest

from swe_scale.environment.project import Project
from swe_scale.environment.python import setup_lines, uses_pytest


def project(texts: dict[str, str], *others: str) -> Project:
    return Project((*texts, *others), texts)


BUILD = '[build-system]\nrequires = ["hatchling"]\n'
GROUPS = BUILD + "[dependency-groups]\n"
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
        ({"setup.py": "def (", "setup.cfg": "no section\n"}, ["-e ."]),
        ({"pyproject.toml": 'project = 3\ndependency-groups = "x"\ntool = []\n'}, []),
    ],
)
def test_what_is_installed(texts: dict[str, str], lines: list[str]) -> None:
    first = tuple(line.partition(" || ")[0] for line in setup_lines(project(texts)))
    assert first == tuple(f"python -m pip install {line}" for line in lines)


def test_pytest_comes_last_where_the_tests_want_it() -> None:
    wanted = setup_lines(project({"pyproject.toml": BUILD, "tests/test_a.py": "import pytest"}))
    assert wanted[:2] == ("python -m pip install -e .", "python -m pip install pytest")


def test_a_pytest_that_does_not_start_on_this_python_is_replaced() -> None:
    pinned = project({"pyproject.toml": BUILD + "[dependency-groups]\ntest = ['pytest<5']\n"})
    assert setup_lines(pinned)[-1].startswith("python -m pytest --version >/dev/null 2>&1 || ")
    assert "--upgrade" not in "".join(setup_lines(project({"pyproject.toml": BUILD})))


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
