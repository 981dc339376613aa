"""How a Python project is installed and which runner its tests want, by what it declares."""

import ast
import configparser
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from swe_scale.environment.project import Project, is_requirements

_TEST_NAMES = ("test", "tests", "testing")
_DEV_NAMES = ("dev", "develop", "development")
_PIP = "python -m pip install"
_PYTEST_FILES = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml")
_PYTEST_WORD = re.compile(r"\bpytest\b")
_PYTEST_SECTION = re.compile(r"^\[(tool:pytest|pytest|tool\.pytest\b.*)\]", re.MULTILINE)
_PYTEST_IMPORT = re.compile(r"^\s*(import|from)\s+pytest\b", re.MULTILINE)


def setup_lines(project: Project) -> tuple[str, ...]:
    """Return the shell lines that install the project with what its tests need.

    Test extras, groups and lists are taken where there are any, otherwise those for development.
    """
    declared = _toml(project.texts.get("pyproject.toml", ""))
    lines = [f"{_PIP} -r {shlex.quote(path)}" for path in _requirement_lists(project.paths)]
    if _installable(project, declared):
        extras = _chosen(_extras(project, declared))
        lines.append(f"{_PIP} -e {shlex.quote('.[' + ','.join(extras) + ']') if extras else '.'}")
    else:
        lines += _pip(_loose_requirements(declared))
    groups = _table(declared, "dependency-groups")
    lines += _pip(entry for name in _chosen(groups) for entry in _group(groups, name))
    if uses_pytest(project):
        lines.append(f"{_PIP} pytest")
    return tuple(lines)


def uses_pytest(project: Project) -> bool:
    """Return whether the tests want pytest: it is configured, required, or imported by a test."""
    if any(path in _PYTEST_FILES or PurePosixPath(path).name == "conftest.py" for path in project.paths):
        return True
    return any(_names_pytest(path, text) for path, text in project.texts.items())


def _names_pytest(path: str, text: str) -> bool:
    if path in ("setup.cfg", "tox.ini") and _PYTEST_SECTION.search(text):
        return True
    if path in ("pyproject.toml", "setup.py", "setup.cfg") or is_requirements(path):
        return bool(_PYTEST_WORD.search(text))
    return bool(_PYTEST_IMPORT.search(text))


def _installable(project: Project, declared: Mapping[str, Any]) -> bool:
    tools = _table(declared, "tool")
    if _table(tools, "poetry").get("package-mode") is False or _table(tools, "uv").get("package") is False:
        return False
    if "setup.py" in project.paths or "build-system" in declared:
        return True
    if _ini(project.texts.get("setup.cfg", "")).has_section("metadata"):
        return True
    # Without a build system, a package beside other folders at the root is not found by pip's default.
    return "project" in declared and any(path.startswith("src/") for path in project.paths)


def _requirement_lists(paths: Iterable[str]) -> tuple[str, ...]:
    lists = {path: re.split(r"[-_./]", path.removesuffix(".txt")) for path in paths if is_requirements(path)}
    chosen = _chosen({word: path for path, words in lists.items() for word in words})
    extra = [path for path, words in lists.items() if set(chosen) & set(words)]
    return tuple(dict.fromkeys([*(path for path in lists if path == "requirements.txt"), *extra]))


def _extras(project: Project, declared: Mapping[str, Any]) -> set[str]:
    names = set(_table(_table(declared, "project"), "optional-dependencies"))
    ini = _ini(project.texts.get("setup.cfg", ""))
    if ini.has_section("options.extras_require"):
        names |= set(ini.options("options.extras_require"))
    return names | set(_script_extras(project.texts.get("setup.py", "")))


def _script_extras(script: str) -> Iterable[str]:
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.keyword)
            and node.arg == "extras_require"
            and isinstance(node.value, ast.Dict)
        ):
            for key in node.value.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value


def _loose_requirements(declared: Mapping[str, Any]) -> list[str]:
    project = _table(declared, "project")
    extras = _table(project, "optional-dependencies")
    return [
        *_strings(project.get("dependencies")),
        *(e for n in _chosen(extras) for e in _strings(extras[n])),
    ]


def _group(groups: Mapping[str, Any], name: str, within: Sequence[str] = ()) -> list[str]:
    # PEP 735: a group may include others; a cycle is the project's fault and ends here.
    entries = groups.get(name)
    found: list[str] = []
    for entry in entries if isinstance(entries, list) and name not in within else ():
        if isinstance(entry, str):
            found.append(entry)
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
            found += _group(groups, entry["include-group"], (*within, name))
    return found


def _chosen(names: Iterable[str]) -> list[str]:
    there = set(names)
    return [name for name in _TEST_NAMES if name in there] or [name for name in _DEV_NAMES if name in there]


def _pip(requirements: Iterable[str]) -> list[str]:
    quoted = [shlex.quote(requirement) for requirement in dict.fromkeys(requirements)]
    return [f"{_PIP} {' '.join(quoted)}"] if quoted else []


def _strings(value: Any) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _ini(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.ConfigParser()
    return parser
