"""Which versions of Python a project allows, by all the places where projects say so."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from swe_scale.environment.project import Project
from swe_scale.environment.python_declared import Declared, specifier, table

_KNOWN = tuple(f"3.{minor}" for minor in range(14, 5, -1))
_CLAUSE = re.compile(r"(===|~=|==|!=|<=|>=|<|>)\s*+v?(\d{1,6}(?:\.\d{1,6})*+)(\.\*)?")
_ANY_PATCH = 99
_LONGEST = 500
"""Characters of a rule that are looked at."""
_FIRST_ONLY = ("<=", "==", "===")
"""What pip takes at its word: `<=3.9` allows 3.9.0 and no later patch of 3.9."""
_NAMED = re.compile(
    r"(?:Programming Language :: Python :: 3\.|\bpy3|\bpython3\.|^3\.)(\d{1,2})\b", re.MULTILINE
)
_PACKAGED = re.compile(r"^Requires-Python: *(.+)$", re.MULTILINE)
_FACTORS = re.compile(r"py(?:3)?\{([\d,. 3]+)\}")


def python_versions(declared: Declared) -> tuple[str, ...]:
    """Return the versions, such as `3.9`, that the project allows; first those it names, the newest first.

    What it requires decides; what its classifiers, tox and `.python-version` name is only preferred.
    """
    allowed = _allowed(declared).versions
    named = set(_names(declared.project))
    return tuple(sorted(allowed, key=lambda version: version not in named))


def refused_by_pip(declared: Declared) -> bool:
    """Return whether pip refuses all but the first patch of every version that the project allows."""
    return _allowed(declared).first_only


@dataclass(frozen=True, slots=True)
class _Allowed:
    versions: list[str]
    first_only: bool


def _allowed(declared: Declared) -> _Allowed:
    rules = [rule[:_LONGEST] for rule in _rules(declared)]
    loosely = [version for version in _KNOWN if all(_meets(version, rule) for rule in rules)]
    whole = [version for version in loosely if not any(_first_only(version, rule) for rule in rules)]
    return _Allowed(whole or loosely, bool(loosely and not whole))


def _rules(declared: Declared) -> Iterator[str]:
    project = table(declared.pyproject, "project").get("requires-python")
    if isinstance(project, str):
        yield project
    poetry = table(declared.tool("poetry"), "dependencies").get("python")
    if isinstance(poetry, str) and "|" not in poetry:
        yield specifier(poetry)
    if declared.ini.has_option("options", "python_requires"):
        yield declared.ini.get("options", "python_requires")
    for node in ast.walk(declared.script):
        if (
            isinstance(node, ast.keyword)
            and node.arg == "python_requires"
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.value.value
    packaged = _PACKAGED.search(declared.project.texts.get("PKG-INFO", ""))
    if packaged:
        yield packaged[1]


def _names(project: Project) -> Iterator[str]:
    for path in ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", ".python-version", "PKG-INFO"):
        text = project.texts.get(path, "")
        yield from (f"3.{minor}" for minor in _NAMED.findall(text))
        for factors in _FACTORS.findall(text):
            yield from (f"3.{minor}" for minor in re.findall(r"(?:\b3\.?)(\d{1,2})", factors))


def _meets(version: str, rule: str) -> bool:
    whole = [*map(int, version.split(".")), _ANY_PATCH]
    return all(_holds(whole, operator, wanted, star) for operator, wanted, star in _clauses(rule))


def _first_only(version: str, rule: str) -> bool:
    parts = [int(part) for part in version.split(".")]
    return any(
        operator in _FIRST_ONLY and not star and len(wanted) < 3 and parts[: len(wanted)] == wanted
        for operator, wanted, star in _clauses(rule)
    )


def _clauses(rule: str) -> Iterator[tuple[str, list[int], bool]]:
    for operator, number, star in _CLAUSE.findall(rule):
        yield operator, [int(part) for part in number.split(".")], bool(star)


def _holds(whole: list[int], operator: str, wanted: list[int], star: bool) -> bool:
    # Some release of the version must do, so what is said of one release binds only by what it shares.
    same = whole[: min(len(wanted), 2)] == wanted[:2]
    match operator:
        case ">=":
            return whole >= wanted
        case ">":
            return whole > wanted
        case "<":
            return whole[:2] < wanted[:2] or (same and len(wanted) > 2)
        case "<=":
            return whole[:2] < wanted[:2] or same
        case "!=":
            return not (same and (star or len(wanted) < 3))
        case "~=":
            return whole >= wanted and whole[: len(wanted) - 1][:2] == wanted[:-1][:2]
        case _:
            return same
