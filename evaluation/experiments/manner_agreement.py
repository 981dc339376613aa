"""How often the subjects that we would write have the form of the true ones, beside plain imperative.

Of each repository's last 200 commits by people, merges left out, the subject is hidden; what is known is the
commit's files and the 300 commits before it. Form is: the kind of beginning, a capital after it, a full stop,
a reference at its beginning or end. Choices were tuned on some repositories; the others are reported.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from swe_scale.house.habits import Told, habits_of, told
from swe_scale.house.change import Change
from swe_scale.house.messages import title_of
from swe_scale.house.scopes import scope_of
from swe_scale.house.subjects import Subject, read_subject
from swe_scale.repo import Past
from swe_scale.repo.git import Git
from swe_scale.repo.history import past
from swe_scale.repo.source import find_commit, find_local
from swe_scale.statistics import difference, wilson

TUNED = (
    "felixxm/django", "sympy/sympy", "pytest-dev/pytest", "psf/requests", "numpy/numpy", "golang/tools",
    "vitejs/vite", "tiangolo/fastapi", "rubocop/rubocop", "encode/httpx", "moby/buildkit", "pypa/pip",
)  # fmt: skip
"""Repositories whose figures were looked at while the choices were made."""
HIDDEN = 200
BEFORE = 300
EVERY = 20
"""Hidden commits that share what is known: the commits before the oldest of them."""
MEASURES = ("beginning", "capital", "full stop", "reference", "all of these")
SAMPLES = ("all", "repairs", "repairs that name an issue")
"""All hidden commits, those whose own words say that they mend a fault, and of them what we shall write."""


@dataclass(slots=True)
class Scored:
    """By sample and measure, whether each hidden commit's form was met: by us, by plain imperative."""

    ours: dict[str, list[bool]] = field(default_factory=dict)
    plain: dict[str, list[bool]] = field(default_factory=dict)
    kind: str = ""


async def past_of(folder: Path, work: Path) -> tuple[Past, ...]:
    """Return the newest commits of a repository."""
    source = await find_local(Git.prepare(work / "home"), str(folder))
    commit = await find_commit(source, None)
    return () if commit is None else await past(source.git, commit, 3 * (HIDDEN + BEFORE))


def score(commits: Sequence[Told]) -> Scored:
    """Return how well the forms of the newest commits are met, by those before them."""
    scored = Scored()
    for at in range(0, min(HIDDEN, len(commits) - EVERY), EVERY):
        known = commits[at + EVERY : at + EVERY + BEFORE]
        habits = habits_of(known)
        scored.kind = scored.kind or f"{habits.kind} {habits.label or habits.lead}".strip()
        for one in commits[at : at + EVERY]:
            scope = scope_of(one.past.paths, known) if habits.kind != "plain" else ""
            summary = raised(one.subject.text)
            change = Change(summary=summary, issue=1, paths=one.past.paths)
            _count(scored.ours, one, read_subject(title_of(change, habits, scope)))
            _count(scored.plain, one, Subject("plain", summary))
    return scored


def raised(text: str) -> str:
    """Return text as an issue's title has it, so that it tells nothing of the form: capital, no full stop."""
    word = re.match(r"[A-Za-z][a-z]*(?=[\s,:']|$)", text)
    return (text[0].upper() + text[1:] if word else text).rstrip(".") or "x"


def _count(into: dict[str, list[bool]], true: Told, made: Subject) -> None:
    same = met(true.subject, made)
    for sample in SAMPLES[: 1 + true.repairs + (true.repairs and true.names_an_issue)]:
        for name, value in zip(MEASURES, (*same, all(same)), strict=True):
            into.setdefault(f"{sample}, {name}", []).append(value)


def met(true: Subject, made: Subject) -> tuple[bool, bool, bool, bool]:
    """Return whether beginning, capital, full stop and reference are of one form."""
    beginning = _beginning(true) == _beginning(made) or (true.unsure and made.kind in ("label", "module"))
    return (
        beginning,
        true.text[:1].isupper() == made.text[:1].isupper(),
        true.text.endswith(".") == made.text.endswith("."),
        (true.kind == "reference", true.trailing) == (made.kind == "reference", made.trailing),
    )


def _beginning(subject: Subject) -> tuple[str, bool, bool]:
    """Return the kind of a beginning, and of a label whether it is in capitals, and whether it is lower."""
    label = subject.label if subject.kind == "label" else ""
    return subject.kind, label.isupper(), label.islower()
