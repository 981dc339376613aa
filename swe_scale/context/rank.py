"""Orders a repository's files by how likely they are to matter for an issue, without a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swe_scale.config import ContextSteps
from swe_scale.contents.sources import Kind
from swe_scale.context.corpus import Corpus, Matches
from swe_scale.context.excerpt import Wanted
from swe_scale.context.graph import Graph, Reached
from swe_scale.context.history import History, history_of
from swe_scale.context.mentions import Mention, Paths, find_mentions, find_names
from swe_scale.context.query import query_of, visible_text
from swe_scale.records import Issue
from swe_scale.repo import Past

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PRIOR: Mapping[Kind, float] = {"code": 1.0, "test": 0.2, "text": 0.2}
"""What resolves an issue is seldom in its tests or its prose, though these speak of it most."""
_NAMED: Mapping[Kind, float] = {"code": 1.0, "test": 0.4, "text": 0.4}
"""The same for files that the issue names."""
_TITLE, _MENTION, _DEFINES, _GRAPH, _ALIKE, _RECENT, _TOGETHER = 0.4, 0.7, 0.5, 0.2, 0.4, 0.1, 0.05
"""Weights beside the words of the whole issue, found on half of the development issues."""
_WIDESPREAD = 20
"""Files that define a name before it tells none of them from the others."""
_SEEDS, _PARTNERS = 40, 10
"""Files, best first, from which scores spread over the graph and over commits."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """All files of a tree, best first, and why."""

    corpus: Corpus
    order: Sequence[int]
    """Numbers of files."""
    scores: Sequence[float]
    """By number of file."""
    _why: "_Why" = field(repr=False)

    def reasons(self, number: int) -> tuple[str, ...]:
        """Return what put a file in its place."""
        return self._why.reasons(number)

    def wanted(self, number: int) -> Wanted:
        """Return what the issue is after in a file."""
        return self._why.wanted(number)


def rank(issue: Issue, corpus: Corpus, past: Sequence[Past], steps: ContextSteps) -> Ranking:
    """Return all files, best first; equal scores by path.

    BM25 over the terms of the issue and, once more, of its title; what the issue names: frames of a
    traceback, paths, modules, names that a file defines; what files that match import and use; commits.
    """
    import numpy as np

    text = visible_text(issue)
    query = query_of(issue.title, text)
    matches = corpus.match(query)
    score = matches.totals(len(corpus))
    score += _TITLE * corpus.match(query_of(issue.title, issue.title)).totals(len(corpus))
    why = _Why(matches)
    prior = _by_kind(_PRIOR, corpus)
    score *= prior
    if steps.mentions:
        why.mentions = _mentions(text, corpus)
        why.names, defining = _defining(text, corpus)
        score += prior * _DEFINES * np.log1p(defining)
        named = np.zeros(len(corpus))
        for number, mention in why.mentions.items():
            named[number] = mention.score
        score += _MENTION * _by_kind(_NAMED, corpus) * named
    base = score.copy()
    if steps.graph:
        why.reached = Graph(corpus).spread(_best(base, _SEEDS))
        score += prior * _GRAPH * why.reached.scores
    if steps.history and past:
        why.history = history_of(past, query, corpus.numbers, _best(base, _PARTNERS))
        score += prior * (_ALIKE * why.history.alike + _TOGETHER * why.history.together)
        score *= 1 + _RECENT * why.history.recent
    rounded = np.round(score, 6)
    order = np.lexsort((np.arange(len(corpus)), -prior, -rounded)).tolist()
    return Ranking(corpus, order, rounded.tolist(), why)


def _by_kind(weights: Mapping[Kind, float], corpus: Corpus) -> "NDArray[np.float64]":
    import numpy as np

    return np.array([weights[kind] for kind in corpus.kinds])


def _best(scores: "NDArray[np.float64]", count: int) -> dict[int, float]:
    import numpy as np

    order = np.argsort(-scores, kind="stable")[:count]
    return {int(number): float(scores[number]) for number in order if scores[number] > 0}


def _mentions(text: str, corpus: Corpus) -> dict[int, Mention]:
    found = find_mentions(text, Paths(corpus.paths))
    return {corpus.numbers[path]: mention for path, mention in found.items()}


def _defining(text: str, corpus: Corpus) -> "tuple[dict[int, list[str]], NDArray[np.float64]]":
    """Return the issue's names by the files that define them; the fewer files do, the more it says."""
    import numpy as np

    total = np.zeros(len(corpus))
    numbers = corpus.index.numbers(find_names(text))
    spelled = {number: name for name, number in numbers.items()}
    at, found = corpus.all_defined.find({number: number for number in spelled})
    owners = corpus.all_defined.owners[at]
    # Tests and prose define names, too, of which nothing is to be had.
    code = np.array([kind == "code" for kind in corpus.kinds], dtype=bool)[owners]
    owners, found = owners[code], found[code]
    counts = np.bincount(found) if len(found) else np.zeros(0)
    names: dict[int, list[str]] = {}
    for owner, number in sorted(
        zip(owners.tolist(), found.tolist(), strict=True), key=lambda one: spelled[one[1]]
    ):
        if counts[number] <= _WIDESPREAD:
            total[owner] += counts[number] ** -0.5
            names.setdefault(owner, []).append(spelled[number])
    return names, total


@dataclass(slots=True)
class _Why:
    """What was found of the files, by number."""

    matches: Matches
    mentions: Mapping[int, Mention] = field(default_factory=dict)
    names: Mapping[int, Sequence[str]] = field(default_factory=dict)
    reached: Reached | None = None
    history: History | None = None

    def reasons(self, number: int) -> tuple[str, ...]:
        found = list(self.mentions[number].reasons[:3]) if number in self.mentions else []
        if names := self.names.get(number):
            found.append(f"defines: {', '.join(names[:4])}")
        shares = self.matches.of_file(number)
        if matched := sorted(shares, key=lambda term: (-shares[term], term))[:4]:
            found.append(f"matches: {', '.join(matched)}")
        if self.reached is not None and (told := self.reached.told(number)):
            found.append(told)
        if self.history is not None and self.history.alike[number] >= 0.1:
            found.append(f"changed before: {self.history.subjects[number]}")
        return tuple(found or ["has no word of the issue"])

    def wanted(self, number: int) -> Wanted:
        mention = self.mentions.get(number)
        return Wanted(
            weights=self.matches.of_file(number),
            lines=frozenset(mention.lines if mention else ()),
            names=frozenset(self.names.get(number, ())) | frozenset(mention.functions if mention else ()),
        )
