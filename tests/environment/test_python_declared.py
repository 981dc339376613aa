"""What projects of poetry, pdm, hatch, uv, tox and nox declare, and which Pythons they allow."""

import shutil
import subprocess
from pathlib import Path

import pytest

from swe_scale.environment.project import Project
from swe_scale.environment.python import plan, setup_lines
from swe_scale.environment.python_chosen import python_for
from swe_scale.environment.python_declared import Declared, specifier
from swe_scale.environment.python_sessions import session_of
from swe_scale.environment.python_testing import packages_of_tests
from swe_scale.environment.python_versions import python_versions


def project(texts: dict[str, str], *others: str) -> Project:
    return Project((*texts, *others), texts)


PIP = "python -m pip install "


def installed(texts: dict[str, str], *others: str) -> list[str]:
    lines = setup_lines(Declared(project(texts, *others)))
    first = [line.partition(" || ")[0] for line in lines]
    return [line.removeprefix(PIP) for line in first if line.startswith(PIP)]


POETRY = """
[build-system]
requires = ["poetry-core"]
[tool.poetry]
name = "x"
[tool.poetry.dependencies]
python = "^3.9"
[tool.poetry.group.dev.dependencies]
a = "^1.2.3"
b = {version = "~2.1", extras = ["e"], markers = "sys_platform == 'linux'"}
c = [{version = "1.*", python = "<3.8"}, {version = ">=2 <3", python = ">=3.8"}]
d = {path = "../d"}
e = {version = "*", optional = true}
f = 3
"""
POETRY_LINE = (
    "'a>=1.2.3,<2' 'b[e]>=2.1,<2.2 ; sys_platform == '\"'\"'linux'\"'\"'' "
    "'c==1.* ; python_version < '\"'\"'3.8'\"'\"'' 'c>=2,<3 ; python_version >= '\"'\"'3.8'\"'\"''"
)
UV = """
[project]
name = "root"
[build-system]
requires = ["hatchling"]
[tool.uv]
dev-dependencies = ["a"]
[tool.uv.workspace]
members = ["packages/*"]
"""
TOX = """
[tox]
envlist = py{38,39},lint
[base]
deps =
    a>=1  # why
    -r{toxinidir}/reqs.txt
[testenv]
extras = test, more
deps =
    {[base]deps}
    py27: mock
    !lint: b
    {env:OTHER:c}
commands = pytest {posargs}
"""
NOX = """
import nox
@nox.session
def lint(session):
    session.install("flake8")
@nox.session(python=["3.9"])
def tests(session):
    session.install("-r", "reqs.txt", "a", "b>=1")
    session.install("-e", ".[test]")
    session.install(*session.posargs)
    session.run("pytest", "tests")
"""


@pytest.mark.parametrize(
    ("texts", "others", "lines"),
    [
        ({"pyproject.toml": POETRY}, (), ["-e .", POETRY_LINE]),
        (
            {"pyproject.toml": '[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\na = "~1"\n'},
            (),
            ["'a>=1,<2'"],
        ),
        (
            {"pyproject.toml": "[build-system]\n[tool.pdm.dev-dependencies]\ntest = ['a']\n"},
            (),
            ["-e .", "a"],
        ),
        (
            {"pyproject.toml": "[build-system]\n[tool.hatch.envs.default]\ndependencies = ['a']\n"},
            (),
            ["-e .", "a"],
        ),
        (
            {"pyproject.toml": "[build-system]\n[tool.hatch.envs.hatch-test]\nextra-dependencies = ['a']\n"},
            (),
            ["-e .", "a"],
        ),
        (
            {"pyproject.toml": UV},
            ("packages/p/pyproject.toml", "x/pyproject.toml"),
            ["-e . -e ./packages/p", "a"],
        ),
        ({"Pipfile": '[packages]\na = "*"\n[dev-packages]\nb = "==1"\n'}, (), ["a", "b==1"]),
        ({"setup.py": "", "tox.ini": TOX}, ("reqs.txt",), ["-r reqs.txt", "-e .", "'a>=1' b", "pytest"]),
        ({"setup.py": "", "noxfile.py": NOX}, ("reqs.txt",), ["-r reqs.txt", "-e .", "a 'b>=1'", "pytest"]),
        ({"setup.py": "", "requirements-tests39.txt": ""}, (), ["-r requirements-tests39.txt", "-e ."]),
        ({"setup.py": "", "tests/requirements.txt": ""}, (), ["-r tests/requirements.txt", "-e ."]),
    ],
)
def test_what_the_tools_declare_is_installed(
    texts: dict[str, str], others: tuple[str, ...], lines: list[str]
) -> None:
    assert installed(texts, *others) == lines


def test_tests_that_are_declared_elsewhere_need_no_tox() -> None:
    own = {"pyproject.toml": "[build-system]\n[dependency-groups]\ntest = ['z']\n", "tox.ini": TOX}
    assert installed(own) == ["-e .", "z", "pytest"]


@pytest.mark.parametrize(
    "text",
    [
        "[tool.tox.env_run_base]\ndeps = ['a']\nextras = ['test', 3]\ncommands = [['pytest', 'x'], 4]\n",
        "[tool.tox]\nlegacy_tox_ini = '''\n[testenv]\ndeps = a\nextras = test\ncommands = pytest x\n'''\n",
    ],
)
def test_tox_may_be_told_in_pyproject(text: str) -> None:
    found = session_of(project({"pyproject.toml": text}))
    assert (found.requirements, found.extras, found.commands) == (["a"], ["test"], ["pytest x"])


@pytest.mark.parametrize("text", ["[testenv]\ndeps = {[testenv]deps}\n", "[testenv\n", "deps = x", "\0"])
def test_what_tox_can_not_mean_is_nothing(text: str) -> None:
    assert session_of(project({"tox.ini": text, "noxfile.py": "def tests(session:"})).requirements == []


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("1.2.*", "==1.2.*"),
        (">= 1.0, < 2", ">=1.0,<2"),
        ("*", ""),
        ("^1 || ^2", ""),
    ],
)
def test_poetrys_constraints_become_those_of_pip(constraint: str, words: str) -> None:
    assert specifier(constraint) == words


PYTHON = '[project]\nname = "x"\nrequires-python = "{}"\n'


@pytest.mark.parametrize(
    ("requires", "wanted"),
    [
        (">=3.8", ""),
        ("<3.11", "3.10"),
        (">=3.6,<=3.9", "3.8"),
        (">=3.8,<=3.11", "3.10"),
        (">=3.9,<=3.9", "3.9"),
        ("==3.9", "3.9"),
        ("==3", ""),
        ("<=3.10.4", "3.10"),
        (f">={'9' * 5_000}", ""),
        ("~=3.8.1", "3.8"),
        ("==3.7.*", "3.7"),
        (">=3.12", "3.14"),
        (">=3.8,!=3.11.*", "3.14"),
        (">3.9.1,<3.11.4", ""),
        ("nonsense", ""),
        (">=4", ""),
    ],
)
def test_another_python_is_wanted_only_where_the_usual_one_is_not_allowed(requires: str, wanted: str) -> None:
    found = plan(project({"pyproject.toml": PYTHON.format(requires)}))
    assert found and python_for(found.python_versions, "docker", "python:3.11-slim") == wanted


@pytest.mark.parametrize(
    "texts",
    [
        {"setup.py": "setup(python_requires='<3.11', classifiers=['Programming Language :: Python :: 3.8'])"},
        {
            "setup.cfg": "[metadata]\nname = x\n[options]\npython_requires = <3.11\n",
            ".python-version": "3.8.2\n",
        },
        {
            "pyproject.toml": '[tool.poetry.dependencies]\npython = ">=3.7,<3.11"\n',
            "tox.ini": "envlist = py38",
        },
        {"setup.py": "", "PKG-INFO": "Requires-Python: <3.11\n", "tox.ini": "envlist = py{36, 37,38}"},
    ],
)
def test_of_the_allowed_versions_the_one_that_the_project_names_comes_first(texts: dict[str, str]) -> None:
    found = plan(project(texts))
    assert found and found.python_versions[0] == "3.8" == python_versions(Declared(project(texts)))[0]


@pytest.mark.parametrize(
    ("texts", "packages"),
    [
        ({"setup.cfg": "[tool:pytest]\naddopts =\n  -n auto\n  --cov=x\n"}, {"pytest-xdist", "pytest-cov"}),
        (
            {"pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['--timeout=3',\n '--mypy']\n"},
            {"pytest-timeout", "pytest-mypy"},
        ),
        (
            {"pytest.ini": "[pytest]\nasyncio_mode = auto\nrequired_plugins = pytest-foo>1\n"},
            {"pytest-asyncio", "pytest-foo"},
        ),
        (
            {"tests/test_a.py": "import pytest\n@pytest.mark.asyncio\nasync def test_a(mocker): pass\n"},
            {"pytest-asyncio", "pytest-mock"},
        ),
        ({"tests/test_a.py": "import nose\nfrom freezegun import freeze_time\n"}, {"pynose", "freezegun"}),
        ({"tests/test_a.py": "import mock\n", "tests/mock.py": ""}, set()),
        ({"setup.cfg": "[tool:pytest]\naddopts = -ra --strict\n", "tests/test_a.py": "import os\n"}, set()),
        ({"pyproject.toml": "[tool.other]\ntimeout = 3\n"}, set()),
    ],
)
def test_what_the_tests_need_though_nothing_declares_it(texts: dict[str, str], packages: set[str]) -> None:
    assert set(packages_of_tests(project(texts))) == packages


OLD = "from setuptools import setup\nfrom Cython.Build import cythonize\nsetup(ext_modules=cythonize('a'))\n"


def test_what_a_script_imports_to_build_is_there_before_it_runs() -> None:
    found = plan(project({"setup.py": OLD}, "a.pyx", "tests/test_a.py"))
    assert found and found.needs == ("native",)
    assert found.setup[0] == "python -m pip install setuptools wheel Cython"
    assert found.setup[1].startswith("python -m pip install --no-build-isolation -e .")


def test_a_version_that_no_tag_tells_comes_from_the_package_itself() -> None:
    texts = {
        "pyproject.toml": "[build-system]\nrequires = ['setuptools-scm']\n",
        "PKG-INFO": "Version: 1.2\n",
    }
    assert setup_lines(Declared(project(texts))) == (
        "SETUPTOOLS_SCM_PRETEND_VERSION=1.2 python -m pip install -e .",
    )
    assert "PRETEND" not in " ".join(
        setup_lines(Declared(project({**texts, "PKG-INFO": "Version: $(reboot)\n"})))
    )


@pytest.mark.parametrize(
    ("texts", "test"),
    [
        ({"setup.py": "", "tests/test_a.py": "def test_a(): pass\n"}, "python -m pytest {tests}"),
        ({"setup.py": "", "tests/test_a.py": "import unittest\n"}, "python -m unittest {tests}"),
        ({"setup.py": "", "tests/runtests.py": ""}, "python tests/runtests.py"),
        ({"setup.py": "", "a.py": ""}, None),
    ],
)
def test_which_line_runs_the_tests(texts: dict[str, str], test: str | None) -> None:
    found = plan(project(texts))
    assert found and found.test == test


@pytest.mark.parametrize(
    ("runner", "tests", "labels"),
    [
        ("tests/runtests.py", "tests/auth_tests/test_forms.py 'tests/a b.py' ", "auth_tests.test_forms a b"),
        ("runtests.py", "app/tests.py", "app.tests"),
        ("tests/runtests.py", "", ""),
    ],
)
def test_djangos_runner_is_given_labels(runner: str, tests: str, labels: str) -> None:
    found = plan(project({"setup.py": "", runner: "import os\nfrom django.conf import settings\n"}))
    assert found and found.test
    line = f'python() {{ echo "$*"; }}\n{found.test.replace("{tests}", tests)}'
    ran = subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == f"{runner} {labels}".strip()


def test_what_is_no_python_project_has_no_plan() -> None:
    assert plan(project({"pyproject.toml": "[tool.ruff]\n", "go.mod": ""})) is None


LOCK = """version = 1
[[package]]
name = "a"
version = "1.2"
source = { registry = "https://example.org/simple" }
dependencies = [
    { name = "b" },
]
[[package]]
name = "b"
version = "1"
[[package]]
name = "b"
version = "2"
[[package]]
name = "own"
version = "3"
source = { editable = "." }
"""


@pytest.mark.parametrize(
    "awk", [found for name in ("gawk", "mawk", "busybox") if (found := shutil.which(name))]
)
def test_the_versions_of_a_lock_are_kept_where_it_names_one(tmp_path: Path, awk: str) -> None:
    (tmp_path / "uv.lock").write_text(LOCK)
    pins, own = setup_lines(Declared(project({"pyproject.toml": "[build-system]\n"}, "uv.lock")))
    line = pins.replace("awk", f"{awk} awk" if awk.endswith("busybox") else awk, 1)
    subprocess.run(["sh", "-ec", line], cwd=tmp_path, env={"TMPDIR": str(tmp_path)}, check=True)
    assert (tmp_path / "pins.txt").read_text() == "a==1.2\n"
    assert own == 'python -m pip install -c "${TMPDIR:-/tmp}/pins.txt" -e . || python -m pip install -e .'
