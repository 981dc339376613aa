"""How a Python project is installed and which runner its tests want, by what it declares."""

import ast
import re
import shlex
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project, is_requirements
from swe_scale.environment.python_declared import Declared
from swe_scale.environment.python_requirements import (
    PIP,
    chosen_names,
    for_tests,
    from_the_index,
    is_of_tests,
    one_by_one,
    package,
    quoted,
    requirement_lists,
)
from swe_scale.environment.python_sessions import Session, session_of
from swe_scale.environment.python_testing import packages_of_tests
from swe_scale.environment.python_versions import python_versions, refused_by_pip
from swe_scale.profiles import find_tests, profiles

TOLD_BY = (
    "pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "noxfile.py", "pytest.ini", ".pytest.ini",
    "pytest.toml", ".pytest.toml", ".python-version", "PKG-INFO", "Pipfile", "*requirements*.txt",
    "requirements/*.txt", "conftest.py", "*/conftest.py", "runtests.py", "tests/runtests.py",
    "uv.lock", "poetry.lock", "pdm.lock",
)  # fmt: skip
"""Patterns of the paths, relative to the project, of the files that are read beside its tests."""

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
_PINS = (
    r"""awk -F'"' '/^\[\[package\]\]/{n=""} /^name = /{n=$2} """
    r"""/^version = /&&n!=""{if(n in v){if(v[n]!=$2)v[n]="-"}else v[n]=$2} """
    r"""/^source = .*(editable|virtual|directory|path|git) =/{v[n]="-"} """
    r"""END{for(n in v)if(v[n]!="-")print n "==" v[n]}' LOCK >"${TMPDIR:-/tmp}/pins.txt" """
).strip()
"""Writes the versions of a lock, those left out that it has several of or that are no releases."""
_STARTS = (
    "python -m pytest --version >/dev/null 2>&1 || python -m pip install --upgrade "
    r"$(python -m pip list --format=freeze | sed -n -e 's/^\(pytest[^=]*\)==.*/\1/p' -e 's/^\(py\)==.*/\1/p')"
)
"""Replaces a pytest, its plugins and what an old one stood on, pinned when no such Python was there."""
_PYTEST_FILES = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml")
_PYTEST_WORD = re.compile(r"\bpytest\b")
_PYTEST_SECTION = re.compile(r"^\[(tool:pytest|pytest|tool\.pytest\b.*)\]", re.MULTILINE)
_PYTEST_IMPORT = re.compile(r"^[ \t]*+(?:import|from)[ \t]++pytest\b", re.MULTILINE)
_PLAIN_TEST = re.compile(r"^(async )?def test\w*\(", re.MULTILINE)
_TAGGED = re.compile(
    r"setuptools.scm|hatch-vcs|versioningit|\bpbr\b|setuptools-git-versioning|pdm-backend|dunamai|incremental"
)
_PRETENDED = {"pbr": "PBR_VERSION", "pdm": "PDM_BUILD_SCM_VERSION", "": "SETUPTOOLS_SCM_PRETEND_VERSION"}
"""Variables that tell a version where there is no tag, by a word of the tool that reads them."""
_VERSION = re.compile(r"^Version: *(\d[\w.+!-]*+)[ \t\r]*+$", re.MULTILINE)
_BUILDS: Mapping[str, str] = {
    "Cython": "Cython", "numpy": "numpy", "pybind11": "pybind11", "cffi": "cffi", "pkgconfig": "pkgconfig",
    "setuptools_scm": "setuptools_scm", "pbr": "pbr", "skbuild": "scikit-build", "packaging": "packaging",
    "setuptools_rust": "setuptools-rust", "toml": "toml", "tomli": "tomli", "pkg_resources": "setuptools<81",
}  # fmt: skip
"""Packages that a setup.py imports before it can say that it needs them, by module."""
_DJANGO = re.compile(r"^[ \t]*+(?:import|from)[ \t]++django\b", re.MULTILINE)
_LABELS = r"$(printf '%s\n' {tests} | sed -e 's|^FOLDER||' -e 's|\.py$||' -e 's|/|.|g')"
"""The tests as Django's runner takes them: dotted names, relative to its folder."""
_COMPILED = (".c", ".cc", ".cpp", ".cxx", ".pyx", ".f90")
_OLD_BUILD = "'setuptools<58' wheel"
"""For what setuptools no longer does, such as `use_2to3`."""


def plan(project: Project) -> Plan | None:
    """Return how the project is installed and tested; None where it is no Python project."""
    declared = Declared(project)
    if not _is_python(project, declared):
        return None
    return Plan(
        profile="python",
        setup=setup_lines(declared),
        test=_test_line(project),
        python=True,
        python_versions=python_versions(declared),
        needs=_needs(project, declared),
    )


def setup_lines(declared: Declared) -> tuple[str, ...]:
    """Return the shell lines that install the project with what its tests need.

    Test extras, groups and lists are taken where there are any, otherwise those for development, and
    what tox or nox installs where there are none for tests. A lock's versions are kept where they can be.
    """
    project = declared.project
    lists, extras, groups = (
        requirement_lists(project.paths), chosen_names(declared.extras), chosen_names(declared.groups)
    )  # fmt: skip
    tested = for_tests((*extras, *groups)) or any(is_of_tests(path) for path in lists)
    session = Session() if tested else session_of(project)
    extras = _with(extras, session.extras, declared.extras)
    groups = _with(groups, session.groups, declared.groups)
    installed = [f"-r {shlex.quote(path)}" for path in _with(lists, session.lists, frozenset(project.paths))]
    if _installable(project, declared):
        installed.append(_own(declared, extras))
    else:
        installed += quoted(
            (*declared.required, *(one for name in extras for one in declared.optional(name)))
        )
        installed += [_editable(declared.members)] * bool(declared.members)
    named = from_the_index([*declared.grouped(groups), *session.requirements])
    installed += quoted(named)
    runner = ["pytest"] * uses_pytest(project)
    there = {package(one) for one in named}
    installed += quoted(one for one in (*runner, *packages_of_tests(project)) if package(one) not in there)
    return (*_lines(project, declared, installed), *([_STARTS] if runner else []))


def _with(names: Iterable[str], more: Iterable[str], known: Container[str]) -> list[str]:
    return list(dict.fromkeys([*names, *(name for name in more if name in known)]))


def _lines(project: Project, declared: Declared, installed: Iterable[str]) -> Iterator[str]:
    lock = next((path for path in _LOCKS if path in project.paths), None)
    pip = PIP
    if lock:
        yield _PINS.replace("LOCK", lock)
        pip = f'{PIP} -c "${{TMPDIR:-/tmp}}/pins.txt"'
    early = _early(declared)
    if early:
        yield f"{PIP} {' '.join(map(shlex.quote, early))}"
    known = _pretended(project, declared)
    flags = "--no-build-isolation " * bool(early) + "--ignore-requires-python " * refused_by_pip(declared)
    for one in installed:
        own = one.startswith("-e ")
        rest = f"{flags * own}{one}"
        line = f"{known * own}{pip} {rest}"
        if lock:
            # The lock may be of another Python, or of packages that are no longer there.
            line += f" || {known * own}{PIP} {rest}"
        elif own and "setup.py" in project.paths and not declared.build_requires and not early:
            line += f" || {{ {PIP} {_OLD_BUILD} && {known}{PIP} --no-build-isolation {rest}; }}"
        if otherwise := one_by_one(one):
            line += f" || {{ {otherwise}; }}"
        yield line


def _pretended(project: Project, declared: Declared) -> str:
    version = _VERSION.search(project.texts.get("PKG-INFO", ""))
    told = f"{' '.join(declared.build_requires)} {project.texts.get('setup.py', '')}"
    if version is None or not _TAGGED.search(told):
        return ""
    return f"{next(name for tool, name in _PRETENDED.items() if tool in told)}={version[1]} "


def uses_pytest(project: Project) -> bool:
    """Return whether the tests want pytest: it is configured, required, or imported by a test."""
    if any(path in _PYTEST_FILES or PurePosixPath(path).name == "conftest.py" for path in project.paths):
        return True
    return any(_names_pytest(path, text) for path, text in project.texts.items())


def _names_pytest(path: str, text: str) -> bool:
    if path in ("setup.cfg", "tox.ini") and _PYTEST_SECTION.search(text):
        return True
    if path in ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "noxfile.py") or is_requirements(path):
        return bool(_PYTEST_WORD.search(text))
    if path in find_tests((path,)) and _PLAIN_TEST.search(text):
        return True
    return bool(_PYTEST_IMPORT.search(text))


def _test_line(project: Project) -> str | None:
    (profile,) = (profile for profile in profiles() if profile.name == "python")
    tests = [path for path in project.paths if profile.is_test_file(path)]
    own = next((path for path in ("tests/runtests.py", "runtests.py") if path in project.paths), None)
    if own and not uses_pytest(project):
        labels = _DJANGO.search(project.texts.get(own, ""))
        return (
            f"python {own} {_LABELS.replace('FOLDER', own.removesuffix('runtests.py'))}"
            if labels
            else f"python {own}"
        )
    if not tests:
        return None
    return profile.runners["pytest" if uses_pytest(project) else "unittest"].command


def _is_python(project: Project, declared: Declared) -> bool:
    marks = {"setup.py", "setup.cfg", "Pipfile", "tox.ini", "noxfile.py"}
    return bool(
        marks & set(project.paths)
        or {"project", "build-system"} & set(declared.pyproject)
        or declared.tool("poetry")
        or requirement_lists(project.paths)
        or any(path.endswith(".py") for path in project.paths)
    )


def _needs(project: Project, declared: Declared) -> tuple[str, ...]:
    built = " ".join((*declared.build_requires, project.texts.get("setup.py", "")))
    rust = re.search(r"maturin|setuptools.rust", built)
    native = re.search(r"meson-python|scikit-build|ext_modules|cffi_modules|[Cc]ython", built) and any(
        path.endswith(_COMPILED) for path in project.paths
    )
    return (*(("native",) if native else ()), *(("rust",) if rust else ()))


def _own(declared: Declared, extras: list[str]) -> str:
    own = f"-e {shlex.quote('.[' + ','.join(extras) + ']') if extras else '.'}"
    return f"{own} {_editable(declared.members)}".rstrip()


def _editable(folders: Iterable[str]) -> str:
    return " ".join(f"-e {shlex.quote('./' + folder)}" for folder in folders)


def _installable(project: Project, declared: Declared) -> bool:
    if declared.tool("poetry").get("package-mode") is False or declared.tool("uv").get("package") is False:
        return False
    if "setup.py" in project.paths or "build-system" in declared.pyproject:
        return True
    if declared.ini.has_section("metadata"):
        return True
    # Without a build system, a package beside other folders at the root is not found by pip's default.
    return "project" in declared.pyproject and any(path.startswith("src/") for path in project.paths)


def _early(declared: Declared) -> list[str]:
    if declared.meson:
        # An editable build runs again at each import, by what it was first built with.
        return [*from_the_index(declared.build_requires), "ninja"]
    if declared.build_requires:
        return []
    imported: set[str] = set()
    for node in declared.script.body:
        for inner in ast.walk(node) if isinstance(node, ast.Import | ast.ImportFrom) else ():
            if isinstance(inner, ast.Import):
                imported |= {name.name.partition(".")[0] for name in inner.names}
            elif isinstance(inner, ast.ImportFrom) and not inner.level:
                imported.add((inner.module or "").partition(".")[0])
    found = [name for module, name in _BUILDS.items() if module in imported]
    return ["setuptools", "wheel", *found] if found else []
