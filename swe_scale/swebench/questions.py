"""Reads of a dataset what a solver may see, and nothing else: no column of the answer is ever kept."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swe_scale.errors import UsageError
from swe_scale.issues import draft_of_text
from swe_scale.swebench.images import image_of
from swe_scale.swebench.instance import Question
from swe_scale.swebench.rows import Found, RowFault, strings_of, text_of

COLUMNS = frozenset(
    {
        "instance_id", "repo", "base_commit", "problem_statement", "version", "created_at",
        "image", "docker_image", "image_name", "dockerhub_tag", "workdir",
        "python", "requirements", "prepare_cmd", "interface",
    }
)  # fmt: skip
"""All that is ever read of a row for solving."""

_NEEDED = ("instance_id", "repo", "base_commit", "problem_statement")
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,148}[A-Za-z0-9_]|[A-Za-z0-9_]")


def question_of(found: Found, repos: Path | None = None) -> Question:
    """Return what a solver may see of a row.

    Args:
        found: the row.
        repos: folder that holds `owner/name` as `owner__name`; others are cloned from GitHub.

    Raises:
        RowFault: the row lacks something, or holds what can't be used.
    """
    row = found.row
    name, repo, commit, statement = _needed(row)
    listed = _requirements(row)
    # Of SWE-bench Pro, what is required is a text, and part of the question.
    told = [statement, *(f"{title}:\n{text}" for title, text in _told(row, listed))]
    try:
        draft = draft_of_text("\n\n".join(told), name)
    except UsageError as error:
        raise RowFault(str(error)) from error
    draft = draft.model_copy(update={"id": name})
    image, workdir = image_of(found)
    return Question(
        issue=draft.on(source_of(repo, repos), commit),
        repo=repo,
        image=image,
        workdir=workdir,
        version=text_of(row, "version"),
        python=text_of(row, "python"),
        requirements=listed or (),
        prepare=text_of(row, "prepare_cmd"),
        created_at=text_of(row, "created_at"),
    )


def id_of(row: Mapping[str, Any]) -> str:
    """Return the id of a row; predictions are matched by it, so it stays as it is.

    Raises:
        RowFault: it is missing, or can't name a folder or a step.
    """
    name = row.get("instance_id")
    if not isinstance(name, str) or not name.strip():
        raise RowFault("instance_id missing or empty")
    if not _ID.fullmatch(name):
        raise RowFault(f"instance_id {name[:100]!r}: use letters, digits, `.`, `_` and `-`, up to 150")
    return name


def _needed(row: Mapping[str, Any]) -> tuple[str, ...]:
    missing = [name for name in _NEEDED if not isinstance(row.get(name), str) or not row[name].strip()]
    if missing:
        raise RowFault(f"{', '.join(missing)} missing or empty")
    odd = [name for name in _NEEDED[:3] if not row[name].isprintable()]
    if odd:
        raise RowFault(f"{', '.join(odd)} can't be used: it holds characters that can't be printed")
    id_of(row)
    return tuple(row[name] for name in _NEEDED)


def _requirements(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return pinned packages; None where the column holds none, or prose."""
    value = row.get("requirements")
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return None
    return strings_of(row, "requirements") or None


def _told(row: Mapping[str, Any], listed: tuple[str, ...] | None) -> list[tuple[str, str]]:
    if "dockerhub_tag" not in row or listed is not None:
        return []
    parts = {
        "Requirements": text_of(row, "requirements"),
        "New interfaces introduced": text_of(row, "interface"),
    }
    return [(title, text) for title, text in parts.items() if text]


def source_of(repo: str, repos: Path | None) -> str:
    """Return where a repository is cloned from: a folder of the user's, otherwise GitHub."""
    if repos is not None:
        local = repos / repo.replace("/", "__")
        if local.is_dir():
            return str(local.resolve())
    is_name = repo.count("/") == 1 and not repo.startswith((".", "/", "~")) and ":" not in repo
    return f"https://github.com/{repo}" if is_name else repo
