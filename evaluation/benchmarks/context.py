"""What it takes to find the files for an issue: time without a model, tokens with one, memory of large trees.

Repositories are Django's, where `--data` and `--repos` give its issues and commits, and otherwise one that is
generated. Whatever is timed runs in a process of its own, beside the baselines on the same files.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
from harness import Figure, Goal, arguments, compare, in_turn, report

from swe_scale.records import Issue
from swe_scale.swebench.questions import read_questions

sys.path.insert(0, str(Path(__file__).parent / "indexed"))

import generated
from scripted_reader import spent

_INDEXED = Path(__file__).parent / "indexed"
FILES, DEFINITIONS = 3_000, 20
"""Of the generated repository: files, and what each of them defines."""
BLOBS = 256
"""Files of 8 MB each, 2 GB together, of the huge one."""
MANY = 50_000
_PAIRS = 3
"""Pairs of issues of which the tokens are counted."""

Run = Callable[[str], Mapping[str, float]]
"""Returns the seconds, and the megabytes, that a way of `ways.py` takes."""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, and issues of it in their order."""

    name: str
    source: Path
    issues: Sequence[Issue]


def django(data: Path, repos: Path) -> Place:
    """Return the repository that a folder of mirrors holds of Django, or of a fork of it.

    Args:
        data: folder with `questions_dev.jsonl`, rows of SWE-bench.
        repos: folder with `owner+django/repo`, git directories.
    """
    source = next(iter(sorted(repos.glob("*+django/repo"))), None)
    if source is None:
        raise SystemExit(f"{repos} holds no …+django/repo.")
    rows = [one.issue for one in read_questions(data / "questions_dev.jsonl").found]
    issues = [one for one in rows if one.id.startswith("django__django-")]
    issues.sort(key=lambda one: int(one.id.rpartition("-")[2]))
    return Place("Django", source, issues)


def made(folder: Path, files: int = FILES, definitions: int = DEFINITIONS) -> Place:
    """Return a generated repository, and issues that speak of what is defined in it."""
    commit = generated.commit(folder, generated.files(files, definitions))

    def issue(number: int) -> Issue:
        first, second = (generated.name(one, one % definitions) for one in (number, number + 3))
        return Issue(
            id=f"generated-{number}",
            repo=str(folder),
            base_commit=commit,
            title=f"`{first}` returns the default for an empty {generated.NOUNS[number % 9]}",
            body=f"When I call `{first}` after `{second}`, the journal is lost. It should be kept.",
        )

    step = max(2, files // (2 * _PAIRS + 1)) // 2 * 2
    return Place(f"{files:,} generated files", folder, [issue(step * one) for one in range(2 * _PAIRS)])


@contextmanager
def processes(place: Place) -> Iterator[Run]:
    """Yield what measures a way in a process of its own; the index that it may use knows the tree."""
    with tempfile.TemporaryDirectory(prefix="bench-") as kept:
        issue = place.issues[0]

        def run(way: str) -> Mapping[str, float]:
            given = (str(place.source), kept, issue.base_commit, issue.model_dump_json())
            return told([sys.executable, str(_INDEXED / "ways.py"), way, *given])

        run("ranked")
        yield run


def told(command: list[str]) -> Mapping[str, float]:
    """Return the figures that a process prints."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    found: Mapping[str, float] = json.loads(done.stdout)
    return found


def timed(name: str, run: Run, repeats: int) -> list[Figure]:
    """Return the figures of what needs no model."""
    ways = ("cold", "parsed", "searched", "warm", "ranked", "retrieved")
    measured = in_turn({way: partial(run, way) for way in ways}, repeats)
    took = {way: [one["seconds"] for one in found] for way, found in measured.items()}
    cold, warm, ranked = took["cold"], took["warm"], took["ranked"]
    index, search = f"index of {name}", "bm25s over whole files"
    return [
        compare(f"{index}, cold; beside tree-sitter in one process", "s", cold, took["parsed"], of_ours(20)),
        compare(f"{index}, cold; beside {search}", "s", cold, took["searched"]),
        compare(f"{index}, one file changed; beside {search}", "s", warm, took["searched"], of_ours(1)),
        compare(f"ranking an issue of it; beside {search}", "s", ranked, took["searched"], of_ours(1)),
        compare("the same; beside bm25s, its index in memory", "s", ranked, took["retrieved"]),
    ]


def of_ours(most: float) -> Goal:
    """Return a bound of our own value."""
    return Goal(most=most, of_ours=True)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a model is given to read, for an issue, a later one, and by reading every file."""

    first: int
    second: int
    whole: int


def counted(place: Place, pairs: int) -> list[Tokens]:
    """Return the tokens of pairs of neighbouring issues, each pair in an index that is new at its first."""
    step = max(2, len(place.issues) // max(1, pairs))
    found = []
    for start in range(0, step * min(pairs, len(place.issues) // 2), step):
        issues = place.issues[start : start + 2]
        with tempfile.TemporaryDirectory(prefix="bench-") as kept:
            commits = [one.base_commit for one in issues]
            found.append(Tokens(*anyio.run(spent, str(place.source), kept, commits, issues)))
    return found


def read(name: str, pairs: Sequence[Tokens]) -> list[Figure]:
    """Return the figures of what a scripted model reads."""
    first, second, whole = (
        [float(getattr(one, field)) for one in pairs] for field in ("first", "second", "whole")
    )
    issue = f"issue of {name}, scripted model"
    return [
        compare(f"second {issue}; beside the first", "tokens", second, first, Goal(most=0.10)),
        compare(f"first {issue}; beside all code but tests, read whole", "tokens", first, whole),
        compare(f"second {issue}; beside the same", "tokens", second, whole),
    ]


def huge(blobs: int, files: int, repeats: int) -> list[Figure]:
    """Return peak memory and time of large trees: many files, and few but large ones."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        large = made(Path(folder) / "blobs", 20)
        commit = generated.commit(large.source, generated.blobs(blobs))
        issues = [large.issues[0].model_copy(update={"base_commit": commit})]
        for place in (
            made(Path(folder) / "files", files, 6),
            Place(f"{blobs} files of 8 MB", large.source, issues),
        ):
            with processes(place) as run:
                found = [run("cold") for _ in range(repeats)]
            own, others = ([one[name] for one in found] for name in ("mb", "others_mb"))
            name = f"index of {place.name}, cold"
            figures += [
                compare(name, "s", [one["seconds"] for one in found], None),
                compare(f"{name}: peak of the process", "MB", own, None, of_ours(700)),
                compare(f"{name}: peak of its largest worker, or git", "MB", others, None, of_ours(700)),
            ]
    return figures


def measure(place: Place, repeats: int) -> list[Figure]:
    """Return the figures of a repository."""
    with processes(place) as run:
        figures = timed(place.name, run, repeats)
    return [*figures, *read(place.name, counted(place, _PAIRS))]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repos", type=Path, help="folder with `owner+django/repo`, for --data")
    parser.add_argument("--huge", action="store_true", help="trees of 50,000 files and of 2 GB, only")


if __name__ == "__main__":
    given = arguments("What it takes to find the files for an issue.", repeats=5, add=_options)
    if given.huge:
        report(huge(BLOBS, MANY, 1), as_json=given.json)
    elif given.data and given.repos:
        report(measure(django(given.data, given.repos), given.repeats), as_json=given.json)
    else:
        with tempfile.TemporaryDirectory(prefix="bench-") as generated_at:
            report(measure(made(Path(generated_at) / "source"), given.repeats), as_json=given.json)
