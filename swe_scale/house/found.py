"""Finds a project's own formatters, by what its base tree says of them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from swe_scale.foreign import parse_toml
from swe_scale.house.formatters import Formatter, known, of_hook, setup_lines
from swe_scale.house.hook_list import read_hooks

HOOKS = ".pre-commit-config.yaml"
TOLD_BY: tuple[str, ...] = (
    HOOKS, "pyproject.toml", "ruff.toml", ".ruff.toml", "setup.cfg", "tox.ini", "package.json", "Cargo.toml",
)  # fmt: skip
"""Files whose text says something; of others it is enough that they are there."""

_BY_FILE: Mapping[str, tuple[str, ...]] = {
    "isort": (".isort.cfg",),
    "yapf": (".style.yapf",),
    "clang-format": (".clang-format", "_clang-format"),
    "gofmt": ("go.mod",),
}
_SECTION = re.compile(r"^\[([^\]\n]{1,100})\]", re.MULTILINE)
_EDITIONS = ("2015", "2018", "2021", "2024")


def formatters_of(paths: Iterable[str], texts: Mapping[str, str]) -> tuple[Formatter, ...]:
    """Return a project's formatters in the order in which they run: those of its hooks, then others.

    Args:
        paths: of the base tree.
        texts: content of those of `TOLD_BY` that are there.
    """
    there = frozenset(path for path in paths if "/" not in path)
    hooked = [of_hook(hook) for hook in read_hooks(texts.get(HOOKS, ""))]
    found: dict[str, Formatter] = {}
    for one in (*hooked, *_configured(there, texts)):
        if one is not None:
            found.setdefault(one.name, one)
    return tuple(found.values())


def formatters_wanted(paths: Iterable[str], texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the set-up lines that bring a project's formatters into its environment, failing softly.

    They go apart from what the project needs, so that they change nothing of what is tested.

    Args:
        paths: of the base tree.
        texts: content of those of `TOLD_BY` that are there.
    """
    return setup_lines(formatters_of(paths, texts))


def _configured(there: frozenset[str], texts: Mapping[str, str]) -> Iterator[Formatter]:
    tools = _table(_toml(texts.get("pyproject.toml", "")), "tool")
    ruff = [_toml(texts.get(name, "")) for name in ("ruff.toml", ".ruff.toml")] + [_table(tools, "ruff")]
    sections = {name for path in ("setup.cfg", "tox.ini") for name in _sections(texts.get(path, ""))}
    for name in ("isort", "black", "autopep8", "yapf"):
        if name in tools or name in sections:
            yield known(name)
    if any("format" in table for table in ruff):
        yield known("ruff-format")
    for name, files in _BY_FILE.items():
        if there & set(files):
            yield known(name)
    package = _json(texts.get("package.json", ""))
    if (
        "prettier" in package
        or "prettier" in _table(package, "devDependencies")
        or any(path.startswith((".prettierrc", "prettier.config.")) for path in there)
    ):
        yield known("prettier")
    if "Cargo.toml" in there:
        edition = _table(_toml(texts.get("Cargo.toml", "")), "package").get("edition")
        yield known("rustfmt", *(("--edition", edition) if edition in _EDITIONS else ()))


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return parse_toml(text)
    except ValueError:
        return {}


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _sections(text: str) -> tuple[str, ...]:
    return tuple(name.removeprefix("tool:") for name in _SECTION.findall(text))
