"""Finds the files of a tree that the models are shown for an issue: survey, rank, pack."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio

from swe_scale.config import ContextSteps
from swe_scale.contents.encodings import decoded
from swe_scale.context.corpus import load_corpus
from swe_scale.context.excerpt import estimate_tokens
from swe_scale.context.history import COMMITS
from swe_scale.context.index import Index
from swe_scale.context.pack import Shown, most_files, pack
from swe_scale.context.rank import Ranking, rank
from swe_scale.context.replies import Judgement
from swe_scale.context.survey import survey
from swe_scale.events import Events
from swe_scale.models import Model
from swe_scale.models.tokens import count_tokens
from swe_scale.records import Context, ContextFile, Issue, RankedFile
from swe_scale.repo import Past, Repository

_LISTED = 100
"""Files whose place is kept."""
_TOGETHER = 4_000_000
"""Estimated tokens of files whose texts are in memory at a time."""
_HISTORY_SECONDS = 20.0
"""For reading the history; a repository that takes longer is ranked without."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of a repository, at a commit, with what is known of its contents."""

    repository: Repository
    commit: str
    hash: str
    index: Index


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to choose from, in order."""

    ranking: Ranking
    skipped: Counter[str]
    order: Sequence[int]
    """Numbers of all files, best first."""
    judged: Mapping[int, Judgement] = field(default_factory=dict)
    """What a reader said of files, by number."""


async def find_ranking(issue: Issue, tree: Tree, steps: ContextSteps, events: Events) -> Found:
    """Return all files of a tree that may matter, best first, by what needs no model.

    Raises:
        RepositoryError: the tree can't be read.
    """
    path = f"{issue.id}/context"
    surveyed = await survey(tree.repository, tree.hash, tree.index, events, path)
    corpus = await anyio.to_thread.run_sync(load_corpus, surveyed.files, tree.index)
    past = await _past(tree, events, path) if steps.history else ()
    ranking = await anyio.to_thread.run_sync(rank, issue, corpus, past, steps)
    skipped = Counter(surveyed.skipped) + Counter(corpus.skipped.values())
    return Found(ranking, skipped, ranking.order)


async def _past(tree: Tree, events: Events, path: str) -> tuple[Past, ...]:
    with anyio.move_on_after(_HISTORY_SECONDS):
        return await tree.repository.past(tree.commit, COMMITS)
    events.emit("note", "the history takes too long to read: files are ranked without it", path)
    return ()


async def packed(found: Found, tree: Tree, budget: int, model: Model | None = None) -> Context:
    """Return the context within a budget of tokens.

    Args:
        found: what there is.
        tree: to which it belongs.
        budget: tokens.
        model: who is shown the files, and may be able to count tokens. None: they are estimated.

    Raises:
        RepositoryError: the tree can't be read.
    """
    shown = await shown_files(found.ranking, tree, _bounded(found, most_files(budget)))
    counted = None if model is None else await count_tokens(model, [file.text for file in shown])
    if counted is not None:
        shown = [_dense(file, tokens) for file, tokens in zip(shown, counted.tokens, strict=True)]
    files = await anyio.to_thread.run_sync(pack, shown, budget)
    if counted is not None:
        files = await _recounted(files, budget, model)
    return Context(
        files=files,
        tokens=sum(file.tokens for file in files),
        counted_by="" if counted is None else counted.by,
        ranking=tuple(_ranked(found, number) for number in found.order[:_LISTED]),
        considered=len(found.ranking.corpus),
        skipped=found.skipped.total(),
        skipped_by=dict(sorted(found.skipped.items())),
    )


def _bounded(found: Found, most: int) -> list[int]:
    """Return the first files, at most so many and so large together as may be in memory."""
    chosen: list[int] = []
    room = _TOGETHER
    for number in found.order:
        if len(chosen) == most:
            break
        if (size := int(found.ranking.corpus.sizes[number])) <= room:
            chosen.append(number)
            room -= size
    return chosen


def _dense(file: Shown, tokens: int) -> Shown:
    estimated = estimate_tokens(file.text)
    return replace(file, density=tokens / estimated if estimated else 1.0)


async def _recounted(
    files: tuple[ContextFile, ...], budget: int, model: Model | None
) -> tuple[ContextFile, ...]:
    """Return files with their true tokens; parts may be denser than the whole, so the last may not fit."""
    counted = await count_tokens(model, [file.text for file in files])
    if counted is None:
        return files
    exact = [
        file.model_copy(update={"tokens": tokens}) for file, tokens in zip(files, counted.tokens, strict=True)
    ]
    while sum(file.tokens for file in exact) > budget:
        exact.pop()
    return tuple(exact)


async def shown_files(ranking: Ranking, tree: Tree, numbers: Sequence[int]) -> list[Shown]:
    """Return files with their texts, in the order of their numbers.

    Raises:
        RepositoryError: the tree can't be read.
    """
    corpus = ranking.corpus
    read = await tree.repository.read(tree.hash, [corpus.paths[number] for number in numbers])

    def shown(number: int) -> Shown:
        content = corpus.contents[number]
        return Shown(
            path=corpus.paths[number],
            score=ranking.scores[number],
            reasons=ranking.reasons(number),
            text=decoded(read[corpus.paths[number]]) or "",
            outline=lambda: tree.index.outline(content),
            wanted=ranking.wanted(number),
        )

    return await anyio.to_thread.run_sync(lambda: [shown(number) for number in numbers])


def _ranked(found: Found, number: int) -> RankedFile:
    ranking, judgement = found.ranking, found.judged.get(number)
    return RankedFile(
        path=ranking.corpus.paths[number],
        tokens=int(ranking.corpus.sizes[number]),
        score=ranking.scores[number],
        reasons=ranking.reasons(number),
        note=judgement.note if judgement else "",
        relevant=judgement.relevant if judgement else None,
    )
