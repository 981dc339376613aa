"""Reads of a dataset what a solver may see, and nothing else: no column of the answer is ever kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swe_scale.errors import UsageError
from swe_scale.issues import draft_of_text
from swe_scale.swebench import choosing
from swe_scale.swebench.choosing import EVERY_ROW, Choice
from swe_scale.swebench.images import image_of
from swe_scale.swebench.instance import Question
from swe_scale.swebench.rows import Found, RowFault, id_of, strings_of, text_of
from swe_scale.swebench.sifting import Sifting
from swe_scale.swebench.source import stream

COLUMNS = frozenset(
    {
        "instance_id", "repo", "base_commit", "problem_statement", "version", "created_at",
        "image", "docker_image", "image_name", "dockerhub_tag", "workdir",
        "python", "requirements", "prepare_cmd", "interface",
    }
)  # fmt: skip
"""All that is ever read of a row for solving."""

_NEEDED = ("instance_id", "repo", "base_commit", "problem_statement")


@dataclass(frozen=True, slots=True)
class Questions:
    """The chosen rows of a dataset, and what is wrong with its other rows."""

    found: tuple[Question, ...]
    faults: tuple[str, ...]


def read_questions(source: str | Path, choice: Choice = EVERY_ROW, repos: Path | None = None) -> Questions:
    """Return what a solver may see of the chosen rows; a row that can't be used is reported and left out.

    Args:
        source: as for `stream`; of several files with commas between, the first: others hold answers.
        choice: which rows.
        repos: folder that holds `owner/name` as `owner__name`; others are cloned from GitHub.

    Raises:
        UsageError: there is no such dataset, it can't be read, or no row is left.
    """
    if repos is not None and not repos.is_dir():
        raise UsageError(f"--repos {repos} is not a folder.")
    first = questions_part(source)
    sifting = Sifting(choice, str(first))
    asked = COLUMNS | (choosing.COLUMNS if choice.filters else frozenset())
    for found in stream(first, asked, frozenset(_NEEDED)):
        sifting.take(found, lambda one: question_of(one, repos))
    return Questions(sifting.chosen(), tuple(sifting.faults))


def questions_part(source: str | Path) -> str | Path:
    """Return what holds the questions, where a dataset is several files with commas between."""
    if isinstance(source, Path) or Path(source).exists():
        return source
    return source.partition(",")[0]


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
