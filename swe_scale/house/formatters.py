"""The formatters that are known: how each is run, what for, and how an environment comes by it."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Literal

from swe_scale.house.hook_list import Hook
from swe_scale.records import Record

Plain = Literal["", "end-of-file-fixer", "trailing-whitespace"]

PLACE = ".house-style"
"""Folder in the home where set-up puts formatters, apart from what the project itself needs."""

_PYTHON = ("*.py", "*.pyi")
_WEB = (
    "*.js", "*.jsx", "*.ts", "*.tsx", "*.mjs", "*.cjs", "*.mts", "*.cts", "*.css", "*.scss", "*.less",
    "*.json", "*.md", "*.yml", "*.yaml", "*.html", "*.vue",
)  # fmt: skip
_NATIVE = ("*.c", "*.h", "*.cc", "*.hh", "*.cpp", "*.hpp", "*.cxx", "*.hxx")
_TYPES: Mapping[str, tuple[str, ...]] = {
    "python": _PYTHON, "pyi": ("*.pyi",), "c": ("*.c", "*.h"), "c++": _NATIVE, "go": ("*.go",),
    "rust": ("*.rs",), "java": ("*.java",), "ruby": ("*.rb",), "javascript": ("*.js", "*.mjs", "*.cjs"),
    "jsx": ("*.jsx",), "ts": ("*.ts",), "tsx": ("*.tsx",), "css": ("*.css",), "json": ("*.json",),
    "yaml": ("*.yml", "*.yaml"), "markdown": ("*.md",), "toml": ("*.toml",), "shell": ("*.sh",),
}  # fmt: skip
_NOT_FORMATTING = frozenset((
    "mypy", "pyright", "pylint", "flake8", "bandit", "vulture", "pytest", "tox", "nox", "eslint", "tsc",
    "cargo-clippy", "clippy", "jest", "vitest", "commitlint", "gitlint", "codespell", "make", "pip-audit",
))  # fmt: skip
_REVISION = re.compile(r"v?(\d[\w.]*)")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[\w,-]+\])?(?:[=<>!~]=?[\w.*]+)?")


class Formatter(Record):
    """A program that brings files into a project's own form."""

    name: str
    command: tuple[str, ...] = ()
    """Program and arguments; the files come last."""
    patterns: tuple[str, ...] = ("*",)
    """Of file names, as `fnmatch` has them."""
    files: str = ""
    """Regular expression of paths; empty: any."""
    exclude: tuple[str, ...] = ()
    """Regular expressions of paths that it leaves alone."""
    plain: Plain = ""
    """One that is so simple that no program is needed."""
    requirements: tuple[str, ...] = ()
    """Of the Python index, by which an environment comes by it."""
    packages: tuple[str, ...] = ()
    """Of npm, likewise."""


def _of_index(name: str, *command: str, patterns: tuple[str, ...] = _PYTHON, package: str = "") -> Formatter:
    return Formatter(name=name, command=command, patterns=patterns, requirements=(package or name,))


_KNOWN: Mapping[str, Formatter] = {
    one.name: one
    for one in (
        Formatter(name="trailing-whitespace", plain="trailing-whitespace"),
        Formatter(name="end-of-file-fixer", plain="end-of-file-fixer"),
        _of_index("ruff", "ruff", "check", "-q"),
        _of_index("isort", "isort", "-q"),
        _of_index("black", "black", "-q"),
        _of_index("ruff-format", "ruff", "format", "-q", package="ruff"),
        _of_index("autopep8", "autopep8", "-i", patterns=("*.py",)),
        _of_index("yapf", "yapf", "-i", patterns=("*.py",)),
        Formatter(name="prettier", command=("prettier", "--write"), patterns=_WEB, packages=("prettier",)),
        _of_index("clang-format", "clang-format", "-i", patterns=_NATIVE),
        Formatter(name="gofmt", command=("gofmt", "-w"), patterns=("*.go",)),
        Formatter(name="rustfmt", command=("rustfmt",), patterns=("*.rs",)),
    )
}
_OTHER_NAMES = {"black-jupyter": "black", "ruff-check": "ruff", "go-fmt": "gofmt", "fmt": "rustfmt"}


def known(name: str, *arguments: str) -> Formatter:
    """Return a formatter that is known, with further arguments."""
    found = _KNOWN[name]
    return found.model_copy(update={"command": (*found.command, *arguments)})


def of_hook(hook: Hook) -> Formatter | None:
    """Return the formatter that a hook stands for; None where it is none that can be run here."""
    if hook.stages and not {"commit", "pre-commit"} & set(hook.stages):
        return None
    found = _local(hook) if hook.repo == "local" else _foreign(hook)
    return found and found.model_copy(update={"files": hook.files, "exclude": hook.exclude})


def _foreign(hook: Hook) -> Formatter | None:
    found = _KNOWN.get(_OTHER_NAMES.get(hook.id, hook.id))
    if found is None or (found.name == "ruff" and "--fix" not in hook.args):
        return None
    if found.plain:
        return found
    version = match[1] if (match := _REVISION.fullmatch(hook.rev)) else ""
    extra = tuple(one for one in hook.dependencies if _REQUIREMENT.fullmatch(one))
    return found.model_copy(
        update={
            "command": (*found.command, *hook.args),
            "requirements": tuple(_pinned(one, "==", version) for one in found.requirements)
            + (extra if found.requirements else ()),
            "packages": tuple(_pinned(one, "@", version) for one in found.packages),
        }
    )


def _pinned(name: str, sign: str, version: str) -> str:
    return f"{name}{sign}{version}" if version else name


def _local(hook: Hook) -> Formatter | None:
    try:
        command = (*shlex.split(hook.entry), *hook.args)
    except ValueError:
        return None
    if not command or not hook.pass_filenames or hook.language not in ("system", "script", "unsupported"):
        return None
    if _NOT_FORMATTING & {hook.id, *(word.rpartition("/")[2] for word in command)}:
        return None
    patterns = tuple(dict.fromkeys(one for kind in hook.types for one in _TYPES.get(kind, ())))
    return Formatter(name=hook.id or command[0], command=command, patterns=patterns or ("*",))


def setup_lines(house: Sequence[Formatter]) -> tuple[str, ...]:
    """Return the shell lines by which an environment comes by formatters; where they fail, it is without."""
    requirements = dict.fromkeys(one for formatter in house for one in formatter.requirements)
    packages = dict.fromkeys(one for formatter in house for one in formatter.packages)
    lines: list[str] = []
    if requirements:
        target = f'--target "$HOME/{PLACE}" {shlex.join(requirements)}'
        lines.append(f"python -m pip install -q --upgrade {target} || true")
    if packages:
        place = f'--prefix "$HOME/{PLACE}" {shlex.join(packages)}'
        lines.append(f"npm install --no-save --no-audit --no-fund --global {place} || true")
    return tuple(lines)
