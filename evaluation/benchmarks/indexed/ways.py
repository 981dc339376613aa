"""Does one thing with the files of a repository, ours or a baseline's, in a process of its own.

Usage: ways.py WAY SOURCE KEPT COMMIT ISSUE; KEPT is a folder of ours, in which an index may lie, and ISSUE a
JSON record. Prints the seconds, without the start of the process and imports, and its peak memory.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex

import anyio
import anyio.to_process
import bm25s
import numpy  # noqa: F401 - what is imported on first use must not count
from tree_sitter_language_pack import get_parser

from swe_scale.config import ContextSteps
from swe_scale.contents.encodings import decoded
from swe_scale.contents.outline import language_of
from swe_scale.contents.sources import skipped_by_entry
from swe_scale.context.corpus import Corpus, load_corpus
from swe_scale.context.finding import Tree, find_ranking
from swe_scale.context.index import Index, open_index
from swe_scale.context.survey import survey
from swe_scale.events import Events
from swe_scale.records import File, Issue
from swe_scale.repo import Repository


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done something with."""

    repository: Repository
    commit: str
    tree: str
    issue: Issue


async def looked(task: Task, tree: str, index: Index) -> Corpus:
    """Return what an index then knows of a tree."""
    surveyed = await survey(task.repository, tree, index, Events(), task.issue.id)
    return load_corpus(surveyed.files, index)


async def cold(task: Task) -> float:
    """Index a tree of which nothing is known."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        started = time.perf_counter()
        with open_index(Path(folder)) as index:
            assert len(await looked(task, task.tree, index))
        return time.perf_counter() - started


async def warm(task: Task) -> float:
    """Index a tree of which all but one changed file is known."""
    entry = next(one for one in await task.repository.files(task.tree) if one.path.endswith(".py"))
    data = (await task.repository.read(task.tree, [entry.path]))[entry.path]
    changed = File(mode="100644", data=data + b"\n\nadded_%s = 1\n" % token_hex(8).encode())
    tree = await task.repository.write_tree(task.tree, {entry.path: changed})
    started = time.perf_counter()
    with open_index(task.repository.folder) as index:
        assert len(await looked(task, tree, index))
    return time.perf_counter() - started


async def ranked(task: Task) -> float:
    """Rank the files of a tree that is known."""
    started = time.perf_counter()
    with open_index(task.repository.folder) as index:
        tree = Tree(task.repository, task.commit, task.tree, index)
        found = await find_ranking(task.issue, tree, ContextSteps(), Events())
        assert len(found.order) == len(found.ranking.corpus)
    return time.perf_counter() - started


async def parsed(task: Task) -> float:
    """Parse every file that has a grammar, and do nothing with it."""
    started = time.perf_counter()
    trees = 0
    for path, data in (await contents(task)).items():
        if language := language_of(path):
            trees += get_parser(language).parse(data) is not None  # type: ignore[arg-type]
    assert trees
    return time.perf_counter() - started


async def searched(task: Task) -> float:
    """Tokenize whole files, index and search them."""
    started = time.perf_counter()
    retrieve(build(list(map(text, (await contents(task)).values()))), task.issue)
    return time.perf_counter() - started


async def retrieved(task: Task) -> float:
    """Search an index that is in memory."""
    built = build(list(map(text, (await contents(task)).values())))
    started = time.perf_counter()
    retrieve(built, task.issue)
    return time.perf_counter() - started


async def contents(task: Task) -> dict[str, bytes]:
    """Return all files that ours looks at, too."""
    listed = await task.repository.files(task.tree)
    return await task.repository.read(task.tree, [one.path for one in listed if not skipped_by_entry(one)])


def text(data: bytes) -> str:
    return decoded(data) or ""


def build(texts: list[str]) -> bm25s.BM25:
    found = bm25s.BM25()
    found.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
    return found


def retrieve(built: bm25s.BM25, issue: Issue) -> None:
    asked = bm25s.tokenize(f"{issue.title}\n{issue.body}", show_progress=False)
    found, _ = built.retrieve(asked, k=100, show_progress=False)
    assert found.shape == (1, 100)


WAYS: dict[str, Callable[[Task], Awaitable[float]]] = {
    "cold": cold,
    "warm": warm,
    "ranked": ranked,
    "parsed": parsed,
    "searched": searched,
    "retrieved": retrieved,
}


async def run(way: str, source: str, kept: str, commit: str, issue: str) -> float:
    """Return the seconds of a way."""
    repository = await Repository.open(source, Path(kept))
    resolved = await repository.resolve(commit)
    tree = await repository.tree_of(resolved)
    return await WAYS[way](Task(repository, resolved, tree, Issue.model_validate_json(issue)))


if __name__ == "__main__":
    seconds = anyio.run(partial(run, *sys.argv[1:]))
    # Of the processes that have ended: of workers and git, the largest.
    own, others = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(json.dumps({"seconds": seconds, "mb": own / 1024, "others_mb": others / 1024}))
