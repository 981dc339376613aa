"""Scores files against weighted terms by BM25 (Robertson and Zaragoza, 2009)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from swe_scale.context.sources import Source
from swe_scale.context.words import terms, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PATH_WEIGHT = 8
"""How often a path's words count as if they stood in the file."""
_K1, _B = 1.2, 0.75


class Matches:
    """What every term of a query contributes to every file's score; there must be a file."""

    def __init__(self, query: Mapping[str, float], sources: Sequence[Source]) -> None:
        import bm25s  # type: ignore[import-untyped]  # Imported here: it takes a quarter of a second.

        self._query = query
        # Terms outside the query only count towards a file's length: they share one id.
        self._ids = {"": 0, **{term: number for number, term in enumerate(query, 1)}}
        self._index = bm25s.BM25(k1=_K1, b=_B)
        documents = [_document(source, self._ids) for source in sources]
        self._index.index((documents, self._ids), create_empty_token=False, show_progress=False)

    def totals(self) -> list[float]:
        """Return the score of every file, from 0 to 1: the best file's is 1 if any term is found."""
        total = self._of("", 0.0)
        for term, weight in self._query.items():
            total += self._of(term, weight)
        best = float(total.max())
        return [float(score) / best if best > 0 else 0.0 for score in total]

    def shares(self, numbers: Sequence[int]) -> list[dict[str, float]]:
        """Return, for the files of these numbers, what each term contributes where it is found."""
        found: list[dict[str, float]] = [{} for _ in numbers]
        for term, weight in self._query.items():
            for share, score in zip(found, self._of(term, weight)[list(numbers)], strict=True):
                if score > 0:
                    share[term] = float(score)
        return found

    def _of(self, term: str, weight: float) -> "NDArray[np.float32]":
        scores: NDArray[np.float32] = self._index.get_scores_from_ids([self._ids[term]])
        return scores * weight


def _document(source: Source, ids: Mapping[str, int]) -> list[int]:
    counts = Counter(words(source.text))
    for word in words(source.path):
        counts[word] += _PATH_WEIGHT
    found: Counter[int] = Counter()
    for word, count in counts.items():
        for term in terms(word):
            found[ids.get(term, 0)] += count
    return list(found.elements()) or [0]
