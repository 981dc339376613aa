"""How often the subjects that we would write have the form of the true ones, beside plain imperative.

Of each repository's last 200 commits by people, merges left out, the subject is hidden; what is known is the
commit's files and the 300 commits before it. Form is: the kind of beginning, a capital after it, a full stop,
a reference at its beginning or end. Choices were tuned on some repositories; the others are reported.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from swe_scale.house.change import Change
from swe_scale.house.commits import Told, told
from swe_scale.house.habits import habits_of
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
    "apache/kafka", "prometheus/prometheus",
)  # fmt: skip
"""Repositories whose figures were looked at while the choices were made."""
REPORTED = (
    "aio-libs/aiohttp", "astropy/astropy", "carloscuesta/gitmoji", "commitizen-tools/commitizen",
    "conan-io/conan", "containerd/containerd", "curl/curl", "eslint/eslint", "git/git", "golang/net",
    "miniflux/v2", "mwaskom/seaborn", "nedbat/coveragepy", "nodejs/undici",
    "open-telemetry/opentelemetry-python", "openstack/oslo.config", "pallets/flask", "psf/black",
    "pydantic/pydantic", "pylint-dev/pylint", "python/mypy", "scipy/scipy", "sphinx-doc/sphinx",
    "sveltejs/kit", "tokio-rs/tokio", "twisted/twisted", "withastro/astro",
)  # fmt: skip
"""Others, of many forms."""
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
    form: str = ""


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
        scored.form = scored.form or f"{habits.kind} {habits.label or habits.lead}".strip()
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


def figures(scored: dict[str, Scored]) -> list[dict[str, Any]]:
    """Return the figures of several repositories together, in the form of the benchmarks'."""
    found = []
    for sample in SAMPLES:
        for measure in MEASURES:
            name = f"{sample}, {measure}"
            ours = [value for one in scored.values() for value in one.ours.get(name, ())]
            plain = [value for one in scored.values() for value in one.plain.get(name, ())]
            gain = difference(ours, plain)
            found.append(
                {
                    "name": f"commits whose form is met: {name}; plain imperative beside it",
                    "ours": sum(ours) / len(ours), "baseline": sum(plain) / len(plain),
                    "unit": "share of commits", "interval": wilson(sum(ours), len(ours)).interval,
                    "difference": gain.interval, "only_ours": gain.only_ours,
                    "only_baseline": gain.only_other, "commits": len(ours),
                }
            )  # fmt: skip
    return found


def by_repository(scored: dict[str, Scored]) -> dict[str, Any]:
    """Return the shares of each repository, ours first, and what is held for its form."""
    return {
        name: {
            "form": one.form,
            **{
                measure: [
                    round(sum(values[measure]) / len(values[measure]), 3) for values in (one.ours, one.plain)
                ]
                for measure in one.ours
            },
        }
        for name, one in scored.items()
    }


async def scored_of(folders: Sequence[Path], work: Path) -> dict[str, Scored]:
    """Return what was reached of each repository."""
    found = {}
    for folder in folders:
        name = folder.parent.name.replace("+", "/")
        commits = told(await past_of(folder, work))
        if len(commits) >= HIDDEN + EVERY:
            found[name] = score(commits)
            print(f"{name}: {found[name].form}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Score the repositories and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--repos", type=Path, required=True, help="folder with the repositories, OWNER+NAME/repo"
    )
    parser.add_argument("--half", choices=("tuned", "reported"), default="reported")
    given = parser.parse_args()
    names = TUNED if given.half == "tuned" else REPORTED
    folders = [given.repos / name.replace("/", "+") / "repo" for name in names]
    if missing := [str(folder) for folder in folders if not folder.is_dir()]:
        parser.error(f"not there: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as work:
        scored = anyio.run(scored_of, folders, Path(work))
    document = {"half": given.half, "figures": figures(scored), "by_repository": by_repository(scored)}
    print(json.dumps(document, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
