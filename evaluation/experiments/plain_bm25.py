"""The baseline: BM25 by bm25s over whole code files, filled in order of the scores."""

import re
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

from swe_scale.contents.encodings import decoded
from swe_scale.context.finding import Found, Tree
from swe_scale.records import Issue

_WORD = re.compile(r"\b\w\w+\b")


class Plain:
    """Keeps the words of contents by their hash, since neighbouring commits share most of them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}
        self._kept: dict[str, NDArray[np.uint32]] = {}

    async def order(self, issue: Issue, found: Found, tree: Tree) -> list[int]:
        """Return the numbers of the code files, best first."""
        corpus = found.ranking.corpus
        numbers = [number for number, kind in enumerate(corpus.kinds) if kind == "code"]
        new = [number for number in numbers if corpus.contents[number].blob not in self._kept]
        read = await tree.repository.read(tree.hash, [corpus.paths[number] for number in new])
        for number in new:
            text = decoded(read[corpus.paths[number]]) or ""
            self._kept[corpus.contents[number].blob] = self._words(text)
        documents = [self._kept[corpus.contents[number].blob].tolist() or [0] for number in numbers]
        index = bm25s.BM25()
        index.index((documents, self._numbers), create_empty_token=False, show_progress=False)
        asked = [
            self._numbers[word] for word in _split(f"{issue.title}\n{issue.body}") if word in self._numbers
        ]
        scores = index.get_scores_from_ids(asked) if asked else np.zeros(len(numbers))
        return [numbers[place] for place in np.argsort(-scores, kind="stable")]

    def fill(self, order: Sequence[int], found: Found, budget: int) -> set[str]:
        """Return the paths of the best files that fit, whole; one that doesn't fit is passed over."""
        corpus = found.ranking.corpus
        chosen: set[str] = set()
        for number in order:
            if corpus.sizes[number] <= budget:
                budget -= int(corpus.sizes[number])
                chosen.add(corpus.paths[number])
        return chosen

    def _words(self, text: str) -> NDArray[np.uint32]:
        return np.array(
            [self._numbers.setdefault(word, len(self._numbers)) for word in _split(text)], dtype=np.uint32
        )


def _split(text: str) -> list[str]:
    return _WORD.findall(text.lower())
