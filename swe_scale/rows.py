"""Reads issues from a JSON Lines file with SWE-bench's columns; only those that a solver may see."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swe_scale.errors import UsageError
from swe_scale.issues import draft_of_text
from swe_scale.records import Issue

_NAMES = ("instance_id", "repo", "base_commit")
_NEEDED = (*_NAMES, "problem_statement")


@dataclass(frozen=True, slots=True)
class Rows:
    """The issues of a file, and what is wrong with its other rows."""

    issues: tuple[Issue, ...]
    faults: tuple[str, ...]


class _Fault(Exception):
    """A row that can't be used, and why."""


def read_rows(path: Path, repos: Path | None) -> Rows:
    """Read a file of issues; a row that can't be used is reported and left out.

    Args:
        path: JSON Lines.
        repos: folder that holds `owner/name` as `owner__name`; others are cloned from GitHub.

    Raises:
        UsageError: the file can't be read, or no row can be used.
    """
    if repos is not None and not repos.is_dir():
        raise UsageError(f"--repos {repos} is not a folder.")
    issues: dict[str, Issue] = {}
    faults: list[str] = []
    try:
        for number, line in _lines(path):
            try:
                issue = _issue(line, repos)
                if issue.id in issues:
                    raise _Fault(f"{issue.id} stands in the file twice")
                issues[issue.id] = issue
            except _Fault as fault:
                faults.append(f"{path}, line {number}: {fault}")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    if not issues:
        raise UsageError("\n".join([f"{path} holds no usable row.", *faults[:5]]))
    return Rows(tuple(issues.values()), tuple(faults))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line


def _issue(line: str, repos: Path | None) -> Issue:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Fault(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise _Fault("not an object")
    missing = [name for name in _NEEDED if not isinstance(row.get(name), str) or not row[name].strip()]
    if missing:
        raise _Fault(f"{', '.join(missing)} missing or empty")
    odd = [name for name in _NAMES if not row[name].isprintable()]
    if odd:
        raise _Fault(f"{', '.join(odd)} can't be used: it holds characters that can't be printed")
    try:
        draft = draft_of_text(row["problem_statement"], row["instance_id"])
    except UsageError as error:
        raise _Fault(str(error)) from error
    if draft.id != row["instance_id"]:
        # Predictions are matched by it, so it must stay as it is.
        raise _Fault(
            f"instance_id {row['instance_id'][:100]!r}: use letters, digits, `.`, `_` and `-`, up to 80"
        )
    return draft.on(_source(row["repo"], repos), row["base_commit"])


def _source(repo: str, repos: Path | None) -> str:
    if repos is not None:
        local = repos / repo.replace("/", "__")
        if local.is_dir():
            return str(local.resolve())
    is_name = repo.count("/") == 1 and not repo.startswith((".", "/", "~")) and ":" not in repo
    return f"https://github.com/{repo}" if is_name else repo
