"""Control experiments on a check that passes: it must be able to say no, and to see that code is missing."""

import ast
import re
from collections.abc import Mapping

from swe_scale.profiles import profiles
from swe_scale.records import Changes, Check, File, digest

_PYTHON_END = b"import os; os._exit(0)\n"
_SHELL_END = b"exit 0\n"
_SCRIPT_END = b"globalThis.process.exit(0);\n"
_TYPED_END = b"(globalThis as any).process.exit(0);\n"
_SCRIPT = re.compile(r".*\.[cm]?jsx?")
_TYPED = re.compile(r".*(?<!\.d)\.[cm]?tsx?")
_SHELL = re.compile(rb"[/ ](ba|da|k|z)?sh\b")


def starts_processes(check: Check) -> bool:
    """Return whether a check may trust the exit code of a process in which the code under test runs."""
    return check.language == "sh" or any(profile.starts(check.script) for profile in profiles())


def exiting(changes: Changes, base: Mapping[str, File]) -> Changes:
    """Return the code that a candidate changes, made to exit with 0 before it does anything.

    Files that are at the base keep its content behind the exit, so that a check which reads code finds it
    unchanged; only new ones have the candidate's.

    Args:
        changes: the candidate's.
        base: those of the changed files that the base has.
    """
    found: dict[str, File] = {}
    for path, changed in changes.items():
        file = base.get(path, changed)
        if file is not None and file.mode != "120000" and (data := _exiting(path, file.data)) is not None:
            found[path] = File(mode=file.mode, data=data)
    return found


def name_of(changes: Changes) -> str:
    """Return an id of a tree that differs from the base by these changes, and is no candidate."""
    parts = (part for path, file in sorted(changes.items()) if file for part in (path, file.mode, file.data))
    return f"exit-{digest(*parts)}"


def _exiting(path: str, data: bytes) -> bytes | None:
    first = data.partition(b"\n")[0]
    script = first if first.startswith(b"#!") else b""
    if path.endswith(".py") or b"python" in script:
        return _after(data, _first_statement(data), _PYTHON_END)
    if _SCRIPT.fullmatch(path) or b"node" in script:
        return _after(data, 1 if script else 0, _SCRIPT_END)
    if _TYPED.fullmatch(path):
        return _after(data, 1 if script else 0, _TYPED_END)
    if path.endswith(".sh") or _SHELL.search(script):
        return _after(data, 1 if script else 0, _SHELL_END)
    return None


def _after(data: bytes, lines: int, added: bytes) -> bytes:
    parts = data.split(b"\n")
    return b"\n".join([*parts[:lines], added + b"\n".join(parts[lines:])])


def _first_statement(data: bytes) -> int:
    """Return how many lines come before the first statement that may come after another one."""
    try:
        body = ast.parse(data).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0
    lines = 0
    for number, node in enumerate(body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")):
            break
        lines = node.end_lineno or lines
    return lines if lines else _header(data)


def _header(data: bytes) -> int:
    """Return how many of the first two lines say which interpreter and encoding a file is for."""
    return sum(line.startswith((b"#!", b"# -*-", b"# coding")) for line in data.split(b"\n")[:2])
