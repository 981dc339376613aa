"""Reads the development data as dataset rows: questions joined with answers, and recorded candidates."""

import json
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
"""A dataset row: column by name."""

HELD_BY_FORK = {"django/django": "felixxm/django"}
"""The fork is smaller and has the same commits."""
TRUSTED = ("rerun", "published")
"""Where verdicts come from that ours are compared with."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patch of some system, with what was recorded of it."""

    instance: str
    patch: str
    sha: str
    resolved: bool
    told_by: str
    """Where the verdict is from."""


def lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSON Lines file."""
    with file.open(encoding="utf-8") as text:
        for line in text:
            if line.strip():
                yield json.loads(line)


def runnable_rows(data: Path) -> list[dict[str, Any]]:
    """Return the rows that run here, with image names of local images and the tests that pass here."""
    answers = {row["instance_id"]: row for row in lines(data / "answers_dev.jsonl")}
    return [
        _joined(question, answers[question["instance_id"]])
        for question in lines(data / "questions_dev.jsonl")
        if question.get("runnable")
    ]


def _joined(question: Row, answer: Row) -> dict[str, Any]:
    row = {**question, **answer, "image": image_of(question["instance_id"]), "eval_type": "pass_and_fail"}
    row["PASS_TO_PASS"] = row.pop("PASS_TO_PASS_LOCAL")
    del row["runnable"]
    return row


def image_of(instance: str) -> str:
    """Return the name of the local image of a row."""
    return f"swe-scale-data/{instance.lower()}:testbed"


def repository_of(repos: Path, name: str) -> Path:
    """Return the folder of a repository, of those that are kept as OWNER+NAME/repo."""
    return repos / HELD_BY_FORK.get(name, name).replace("/", "+") / "repo"


def candidates(data: Path, instances: Collection[str]) -> list[Candidate]:
    """Return the recorded candidates of rows whose verdict is known and undisputed, each patch once."""
    verdicts: dict[tuple[str, str], set[bool]] = {}
    found: dict[tuple[str, str], Candidate] = {}
    for row in lines(data / "candidates_dev.jsonl"):
        key = row["instance_id"], row["patch_sha"]
        if row["instance_id"] not in instances or not _counts(row):
            continue
        verdicts.setdefault(key, set()).add(row["resolved"])
        found.setdefault(
            key, Candidate(*key[:1], row["model_patch"], key[1], row["resolved"], row["verdict_from"])
        )
    return [one for key, one in sorted(found.items()) if len(verdicts[key]) == 1]


def _counts(row: Row) -> bool:
    return (
        row["resolved"] is not None
        and row["verdict_from"] in TRUSTED
        and bool(row["model_patch"].strip())
        and not row["system"].endswith("__rediffed")
    )


def drawn(found: Sequence[Candidate], count: int, seed: int) -> list[Candidate]:
    """Return so many candidates, drawn by a seed."""
    return random.Random(seed).sample(list(found), min(count, len(found)))


def drawn_per_row(found: Sequence[Candidate], count: int, seed: int) -> dict[str, list[Candidate]]:
    """Return so many candidates of each row, drawn by a seed; of both verdicts where there are."""
    by_row: dict[str, list[Candidate]] = {}
    for one in found:
        by_row.setdefault(one.instance, []).append(one)
    return {instance: _mixed(ones, count, seed) for instance, ones in sorted(by_row.items())}


def _mixed(ones: Sequence[Candidate], count: int, seed: int) -> list[Candidate]:
    order = drawn(ones, len(ones), seed)
    wrong = [one for one in order if not one.resolved][: count // 2]
    right = [one for one in order if one.resolved][: count - len(wrong)]
    rest = [one for one in order if one not in wrong and one not in right]
    return (wrong + right + rest)[:count]
