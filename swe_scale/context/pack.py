"""Fills a budget of tokens with the files that matter most for an issue."""

from collections.abc import Mapping, Sequence

from swe_scale.context.excerpt import cut, estimate_tokens
from swe_scale.context.rank import Hit, rank
from swe_scale.context.sources import read_sources
from swe_scale.records import Context, ContextFile, Issue

_SHARE = 4
"""A file may take one part in so many of the budget: one large file must not crowd out the rest."""
_CUT = 10
"""Files, best first, that are cut to their share when they are larger; others are left out."""


def find(issue: Issue, sources: Mapping[str, bytes], budget: int) -> Context:
    """Return the files to show for an issue, best first, within a budget of estimated tokens.

    `sources` holds the work tree's plain files by path; those that their path rules out are not looked
    up. The same input gives the same output. An empty work tree or budget gives an empty context.
    """
    found, skipped = read_sources(sources)
    files = pack(rank(issue, found), budget)
    return Context(files=files, tokens=sum(file.tokens for file in files), skipped=skipped)


def pack(hits: Sequence[Hit], budget: int) -> tuple[ContextFile, ...]:
    """Return the best files that fit, whole, or cut where they are large and among the first."""
    sizes = [estimate_tokens(hit.source.text) for hit in hits]
    share = budget if sum(sizes) <= budget else budget // _SHARE
    files: list[ContextFile] = []
    left = budget
    for place, (hit, size) in enumerate(zip(hits, sizes, strict=True)):
        room = min(share, left)
        file = _whole(hit, size) if size <= room else _cut(hit, room) if place < _CUT else None
        if file is not None:
            files.append(file)
            left -= file.tokens
    return tuple(files)


def _whole(hit: Hit, size: int) -> ContextFile:
    return ContextFile(
        path=hit.source.path, tokens=size, score=hit.score, reasons=hit.reasons, text=hit.source.text
    )


def _cut(hit: Hit, room: int) -> ContextFile | None:
    excerpt = cut(hit, room)
    if excerpt is None:
        return None
    return ContextFile(
        path=hit.source.path,
        tokens=estimate_tokens(excerpt.text),
        score=hit.score,
        reasons=(*hit.reasons, f"cut to lines {excerpt.lines}"),
        text=excerpt.text,
    )
