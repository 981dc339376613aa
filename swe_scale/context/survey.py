"""Finds out what isn't known yet of the files of a tree, in processes of their own."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.to_process

from swe_scale.contents.facts import Facts, facts_of_all
from swe_scale.contents.outline import language_of
from swe_scale.contents.sources import skipped_by_entry
from swe_scale.context.index import Content, Index
from swe_scale.events import Events
from swe_scale.repo import Entry, Repository

_BATCH = 1 << 20
"""Bytes of files that a process is given at a time."""
_READ = 16 << 20
"""Bytes of files that are in memory at a time."""
_SECONDS, _FILE_SECONDS = 60.0, 10.0
"""For one batch, and one file; a parser that takes longer has met a file that is made for that."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The files of a tree that may be considered, and how many aren't, by reason."""

    files: Mapping[str, Content]
    skipped: Mapping[str, int]
    fresh: int = 0
    """Contents of which nothing was known before."""


async def survey(repository: Repository, tree: str, index: Index, events: Events, path: str) -> Surveyed:
    """Return the files of a tree; afterwards the index knows the content of each.

    Args:
        repository: whose tree it is.
        tree: hash of the tree.
        index: of the repository.
        events: where progress is reported.
        path: of the step that it is part of.

    Raises:
        RepositoryError: the tree can't be read.
    """
    reasons = {entry.path: (entry, skipped_by_entry(entry)) for entry in await repository.files(tree)}
    entries = [entry for entry, skipped in reasons.values() if skipped is None]
    files = {entry.path: Content(entry.blob, language_of(entry.path)) for entry in entries}
    # Where the index is lost meanwhile, what it knew is missing anew.
    fresh = 0
    for _ in range(2):
        missing = await anyio.to_thread.run_sync(index.missing, files.values())
        wanted = {content: entry for entry in entries if (content := files[entry.path]) in missing}
        if not wanted:
            break
        events.emit("note", f"{len(wanted):,} files are new to the index", path)
        fresh = fresh or len(wanted)
        await _look_at(wanted, repository, tree, index)
    skipped: Counter[str] = Counter(skipped for _, skipped in reasons.values() if skipped)
    return Surveyed(files, skipped, fresh)


async def _look_at(wanted: Mapping[Content, Entry], repository: Repository, tree: str, index: Index) -> None:
    limiter = anyio.CapacityLimiter(os.cpu_count() or 2)
    for group in _groups(list(wanted.items()), _READ):
        read = await repository.read(tree, [entry.path for _, entry in group])
        given = [(content, read[entry.path]) for content, entry in group]
        async with anyio.create_task_group() as tasks:
            for batch in _batches(given):
                tasks.start_soon(_look, batch, index, limiter)


def _groups(entries: Sequence[tuple[Content, Entry]], most: int) -> Iterator[list[tuple[Content, Entry]]]:
    group: list[tuple[Content, Entry]] = []
    size = 0
    for content, entry in entries:
        if group and size + entry.size > most:
            yield group
            group, size = [], 0
        group.append((content, entry))
        size += entry.size
    if group:
        yield group


def _batches(files: Sequence[tuple[Content, bytes]]) -> Iterator[list[tuple[Content, bytes]]]:
    batch: list[tuple[Content, bytes]] = []
    size = 0
    for content, data in files:
        batch.append((content, data))
        size += len(data)
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _look(batch: list[tuple[Content, bytes]], index: Index, limiter: anyio.CapacityLimiter) -> None:
    found = await _facts(batch, limiter)
    known = {content: facts for (content, _), facts in zip(batch, found, strict=True)}
    await anyio.to_thread.run_sync(index.add, known)


async def _facts(batch: Sequence[tuple[Content, bytes]], limiter: anyio.CapacityLimiter) -> list[Facts]:
    """Return the facts of files; a grammar that crashes, or doesn't end, costs the one file its outline."""
    files = [(content.language, data) for content, data in batch]
    found = await _apart(files, _SECONDS, limiter)
    return found if found is not None else [await _fact(file, limiter) for file in files]


async def _fact(file: tuple[str, bytes], limiter: anyio.CapacityLimiter) -> Facts:
    alone = await _apart([file], _FILE_SECONDS, limiter)
    if alone is None:
        alone = await _apart([("", file[1])], _SECONDS, limiter)
    return Facts("unreadable") if alone is None else alone[0]


async def _apart(
    files: Sequence[tuple[str, bytes]], seconds: float, limiter: anyio.CapacityLimiter
) -> list[Facts] | None:
    """Return the facts of files, found in a process of its own; None where it crashed or took too long."""
    with anyio.move_on_after(seconds):
        with suppress(anyio.BrokenWorkerProcess):
            return await anyio.to_process.run_sync(
                partial(facts_of_all, files), cancellable=True, limiter=limiter
            )
    return None
