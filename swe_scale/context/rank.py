"""Orders a repository's files by how likely they are to matter for an issue."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swe_scale.context.bm25 import Matches
from swe_scale.context.definitions import where_defined
from swe_scale.context.mentions import Mention, Paths, find_mentions, find_names
from swe_scale.context.sources import Kind, Source
from swe_scale.context.words import terms, words
from swe_scale.records import Issue

_PRIOR: Mapping[Kind, float] = {"code": 1.0, "test": 0.4, "text": 0.4}
_TITLE = 2.0
_DEFINES = 0.25
_WIDESPREAD = 20
"""Files that define a name before it tells none of them from the others."""
_MOST_TERMS = 3_000
_EXPLAINED = 300
"""Files, best first, whose place is explained; no budget of today holds more."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A file's place in the order, with what put it there."""

    source: Source
    score: float
    reasons: tuple[str, ...]
    weights: Mapping[str, float]
    """What each of the issue's terms contributes."""
    lines: frozenset[int]
    """Lines that the issue names."""
    names: frozenset[str]
    """Names of the issue that the file defines."""


def rank(issue: Issue, sources: Sequence[Source]) -> list[Hit]:
    """Return the files that may matter, best first; equal scores by path.

    BM25 over terms, to which is added what the issue names: frames of a traceback, paths, modules, and
    names that a file defines. Tests, prose and settings count less than code.
    """
    if not sources:
        return []
    text = visible_text(issue)
    matches = Matches(_query(issue.title, text), sources)
    mentions = find_mentions(text, Paths(source.path for source in sources))
    defined = _defined(text, sources)
    scores = [
        _PRIOR[source.kind] * (total + _boost(mentions.get(source.path), defined.get(source.path, {})))
        for source, total in zip(sources, matches.totals(), strict=True)
    ]
    order = sorted(range(len(sources)), key=lambda number: _key(sources[number], scores[number]))[:_EXPLAINED]
    return [
        _hit(source, scores[number], shares, mentions.get(source.path), defined.get(source.path, {}))
        for number, source, shares in zip(
            order, (sources[number] for number in order), matches.shares(order), strict=True
        )
    ]


def visible_text(issue: Issue) -> str:
    """Return all that an issue says, without the hidden comments of a template."""
    first, *others = "\n".join((issue.title, issue.body, *issue.comments)).split("<!--")
    return first + "".join(other.partition("-->")[2] if "-->" in other else other for other in others)


def _query(title: str, text: str) -> dict[str, float]:
    wanted = dict.fromkeys((term for word in words(title) for term in terms(word)), _TITLE)
    for word in dict.fromkeys(words(text)):
        for term in terms(word):
            wanted.setdefault(term, 1.0)
    return dict(list(wanted.items())[:_MOST_TERMS])


def _defined(text: str, sources: Sequence[Source]) -> dict[str, dict[str, float]]:
    """Return, by path, the issue's names that a file defines; the fewer files do, the more it says."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for name, paths in sorted(where_defined(find_names(text), sources).items()):
        for path in paths if len(paths) <= _WIDESPREAD else ():
            found[path][name] = len(paths) ** -0.5
    return found


def _boost(mention: Mention | None, names: Mapping[str, float]) -> float:
    return (mention.score if mention else 0.0) + _DEFINES * math.log1p(sum(names.values()))


def _key(source: Source, score: float) -> tuple[float, float, str]:
    return (-round(score, 6), -_PRIOR[source.kind], source.path)


def _hit(
    source: Source,
    score: float,
    shares: Mapping[str, float],
    mention: Mention | None,
    names: Mapping[str, float],
) -> Hit:
    matched = sorted(shares, key=lambda term: (-shares[term], term))[:4]
    reasons = list(mention.reasons[:3]) if mention else []
    if names:
        reasons.append(f"defines: {', '.join(sorted(names, key=lambda name: (-names[name], name))[:4])}")
    if matched:
        reasons.append(f"matches: {', '.join(matched)}")
    return Hit(
        source=source,
        score=round(score, 6),
        reasons=tuple(reasons or ["has no word of the issue"]),
        weights=shares,
        lines=frozenset(mention.lines if mention else ()),
        names=frozenset(names) | frozenset(mention.functions if mention else ()),
    )
