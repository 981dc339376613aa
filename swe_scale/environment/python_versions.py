"""Which versions of Python a project allows, by all the places where projects say so."""

import ast
import re
from collections.abc import Iterator

from swe_scale.environment.project import Project
from swe_scale.environment.python_declared import Declared, specifier, table

_KNOWN = tuple(f"3.{minor}" for minor in range(14, 5, -1))
_CLAUSE = re.compile(r"(===|~=|==|!=|<=|>=|<|>)\s*v?(\d+(?:\.\d+)*)(\.\*)?")
_ANY_PATCH = 99
_NAMED = re.compile(
    r"(?:Programming Language :: Python :: 3\.|\bpy3|\bpython3\.|^3\.)(\d{1,2})\b", re.MULTILINE
)
_PACKAGED = re.compile(r"^Requires-Python: *(.+)$", re.MULTILINE)
_FACTORS = re.compile(r"py(?:3)?\{([\d,. 3]+)\}")


def python_versions(project: Project) -> tuple[str, ...]:
    """Return the versions, such as `3.9`, that the project allows; first those it names, the newest first.

    What it requires decides; what its classifiers, tox and `.python-version` name is only preferred.
    """
    rules = list(_rules(Declared(project)))
    allowed = [version for version in _KNOWN if all(_meets(version, rule) for rule in rules)]
    named = set(_names(project))
    return tuple(sorted(allowed, key=lambda version: version not in named))


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
    return all(
        _holds(whole, operator, [int(part) for part in number.split(".")], bool(star))
        for operator, number, star in _CLAUSE.findall(rule)
    )


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
            return whole[:2] <= wanted[:2]
        case "!=":
            return not (same and (star or len(wanted) < 3))
        case "~=":
            return whole >= wanted and whole[: len(wanted) - 1][:2] == wanted[:-1][:2]
        case _:
            return same
