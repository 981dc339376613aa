"""What a Python project declares, in whichever of the many files and tables its tools read."""

import ast
import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from swe_scale.environment.project import Project
from swe_scale.foreign import parse_ini, parse_toml

_MOST_MEMBERS = 64
"""Patterns for the folders of a workspace that are looked at."""
_LARGEST = 1 << 17
"""Characters of a file that is parsed; a larger one declares nothing."""
_LONGEST = 200
"""Characters of a version constraint; what is longer is none."""
_NUMBERED = re.compile(r"^\^?~?\d")
_HATCH_NAMES: Mapping[str, str] = {"hatch-test": "test", "default": "dev"}


@dataclass(frozen=True)
class Declared:
    """The declarations of one project; what can't be read declares nothing."""

    project: Project

    @cached_property
    def pyproject(self) -> Mapping[str, Any]:
        """The content of pyproject.toml."""
        return toml(self.project.texts.get("pyproject.toml", ""))

    @cached_property
    def ini(self) -> configparser.RawConfigParser:
        """The content of setup.cfg."""
        return ini(self.project.texts.get("setup.cfg", ""))

    @cached_property
    def script(self) -> ast.Module:
        """The syntax of setup.py."""
        return syntax(self.project.texts.get("setup.py", ""))

    def tool(self, name: str) -> Mapping[str, Any]:
        """Return the table of a tool."""
        return table(table(self.pyproject, "tool"), name)

    @property
    def build_requires(self) -> list[str]:
        """What building takes, by pyproject.toml."""
        return strings(table(self.pyproject, "build-system").get("requires"))

    @property
    def meson(self) -> bool:
        """Whether meson-python builds it."""
        return table(self.pyproject, "build-system").get("build-backend") == "mesonpy"

    @cached_property
    def extras(self) -> frozenset[str]:
        """Names of the optional parts."""
        names = {
            *table(table(self.pyproject, "project"), "optional-dependencies"),
            *table(self.tool("poetry"), "extras"),
        }
        if self.ini.has_section("options.extras_require"):
            names |= set(self.ini.options("options.extras_require"))
        return frozenset(names | set(_keys(self.script, "extras_require")))

    @cached_property
    def groups(self) -> Mapping[str, Any]:
        """Entries of every group, as they are written: PEP 735's and those of the tools before it."""
        uv = strings(self.tool("uv").get("dev-dependencies"))
        poetry = self.tool("poetry")
        older = {
            **{
                name: strings(entries)
                for name, entries in table(self.tool("pdm"), "dev-dependencies").items()
            },
            **{
                name: _poetry(table(group, "dependencies")) for name, group in _tables(table(poetry, "group"))
            },
            **{
                _HATCH_NAMES.get(name, name): _hatch(env)
                for name, env in _tables(table(self.tool("hatch"), "envs"))
            },
            **({"dev": uv} if uv else {}),
        }
        if legacy := _poetry(table(poetry, "dev-dependencies")):
            older["dev"] = [*older.get("dev", ()), *legacy]
        if pipfile := _poetry(table(toml(self.project.texts.get("Pipfile", "")), "dev-packages")):
            older["dev"] = [*older.get("dev", ()), *pipfile]
        declared = table(self.pyproject, "dependency-groups")
        return {**{name: entries for name, entries in older.items() if entries}, **declared}

    def grouped(self, names: Iterable[str]) -> list[str]:
        """Return what groups require together, with the groups that they include, each taken once."""
        seen: set[str] = set()
        found: list[str] = []
        left: list[Any] = [{"include-group": name} for name in names][::-1]
        while left:
            entry = left.pop()
            if isinstance(entry, str):
                found.append(entry)
                continue
            name = entry.get("include-group") if isinstance(entry, dict) else None
            if isinstance(name, str) and name not in seen:
                seen.add(name)
                entries = self.groups.get(name)
                left += reversed(entries) if isinstance(entries, list) else ()
        return found

    @property
    def required(self) -> list[str]:
        """What the project itself requires, for one that can't be installed."""
        return [
            *strings(table(self.pyproject, "project").get("dependencies")),
            *_poetry(table(self.tool("poetry"), "dependencies")),
            *_poetry(table(toml(self.project.texts.get("Pipfile", "")), "packages")),
        ]

    def optional(self, extra: str) -> list[str]:
        """Return what an optional part requires, as far as pyproject.toml tells."""
        return strings(table(table(self.pyproject, "project"), "optional-dependencies").get(extra))

    @property
    def members(self) -> tuple[str, ...]:
        """Folders of a workspace's other projects."""
        patterns = strings(table(self.tool("uv"), "workspace").get("members"))[:_MOST_MEMBERS]
        rules = [pattern.strip("/").split("/") for pattern in patterns]
        folders = [path.rpartition("/")[0] for path in self.project.paths if path.endswith("/pyproject.toml")]
        return tuple(folder for folder in folders if any(_lies(folder.split("/"), rule) for rule in rules))


def toml(text: str) -> Mapping[str, Any]:
    """Return what a text holds; nothing if it isn't TOML, or too much."""
    try:
        return parse_toml(text) if len(text) <= _LARGEST else {}
    except ValueError:
        return {}


def ini(text: str) -> configparser.RawConfigParser:
    """Return what a text holds; nothing if it isn't of the form, or too much."""
    try:
        return parse_ini(text if len(text) <= _LARGEST else "")
    except ValueError:
        return configparser.RawConfigParser()


def syntax(script: str) -> ast.Module:
    """Return the syntax of a script; an empty one if it is no Python, or too much."""
    try:
        return ast.parse(script if len(script) <= _LARGEST else "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def table(content: Any, name: str) -> Mapping[str, Any]:
    """Return a table in a table; an empty one if there is none."""
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, dict) else {}


def strings(value: Any) -> list[str]:
    """Return the strings of a list."""
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _tables(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, entry) for name, entry in content.items() if isinstance(entry, dict))


def _keys(tree: ast.Module, argument: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == argument and isinstance(node.value, ast.Dict):
            for key in node.value.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value


def _lies(parts: list[str], rule: list[str]) -> bool:
    return len(parts) == len(rule) and all(map(fnmatchcase, parts, rule))


def _hatch(env: Mapping[str, Any]) -> list[str]:
    return [*strings(env.get("dependencies")), *strings(env.get("extra-dependencies"))]


def _poetry(entries: Mapping[str, Any]) -> list[str]:
    return [one for name, entry in entries.items() if name != "python" for one in _requirement(name, entry)]


def _requirement(name: str, entry: Any) -> Iterable[str]:
    # Poetry's and Pipenv's form of a requirement; what lies in another repository or folder is left out.
    if isinstance(entry, list):
        return [one for part in entry if not isinstance(part, list) for one in _requirement(name, part)]
    if isinstance(entry, str):
        return [name + specifier(entry)]
    if not isinstance(entry, dict) or not isinstance(entry.get("version", "*"), str) or entry.get("optional"):
        return []
    if {"git", "path", "url", "file"} & set(entry):
        return []
    extras = strings(entry.get("extras"))
    markers = [entry["markers"]] if isinstance(entry.get("markers"), str) else []
    python = specifier(entry["python"]) if isinstance(entry.get("python"), str) else ""
    markers += [_marker(part) for part in python.split(",") if part]
    named = name + (f"[{','.join(extras)}]" if extras else "") + specifier(entry.get("version", "*"))
    return [f"{named} ; {' and '.join(markers)}" if markers else named]


def _marker(part: str) -> str:
    operator = re.match(r"[<>=!~]*", part)
    assert operator
    return f"python_version {operator[0]} '{part[operator.end() :]}'"


def specifier(constraint: str) -> str:
    """Return a version constraint of Poetry's, such as `^1.2`, in the words of PEP 440; empty allows all."""
    if "|" in constraint or len(constraint) > _LONGEST:
        return ""
    parts = [part for part in re.split(r"\s*,\s*|\s+(?=[<>=!~^])", constraint.strip()) if part]
    return ",".join(filter(None, (_specifier(part.replace(" ", "")) for part in parts)))


def _specifier(part: str) -> str:
    if part == "*":
        return ""
    if not _NUMBERED.match(part):
        return part
    if part[0] not in "^~":
        return f"=={part}"
    version = part.lstrip("^~=")
    numbers = [int(number) for number in re.findall(r"\d+", re.split(r"[a-z]", version)[0])]
    # `^` keeps the first number that isn't zero, `~` the second where there is one.
    kept = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
    kept = kept if part[0] == "^" else min(1, len(numbers) - 1)
    upper = [*numbers[:kept], numbers[kept] + 1]
    return f">={version},<{'.'.join(map(str, upper))}"
