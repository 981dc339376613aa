"""The files of one tree that may be shown, as arrays over all of them, and how well each matches a query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from swe_scale.contents.sources import Kind, kind_of
from swe_scale.contents.words import terms, words
from swe_scale.context.index import Content, Index, Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PATH_WEIGHT = 8
"""How often a path's words count as if they stood in the file."""
_K1, _B = 1.2, 0.75
BYTES_PER_TOKEN = 3
"""Fewer than most code has."""


@dataclass(frozen=True, slots=True)
class Matches:
    """What every term of a query contributes to every file's score (BM25; Robertson and Zaragoza, 2009)."""

    terms: tuple[str, ...]
    files: "NDArray[np.int64]"
    """Of each contribution, the number of its file, ascending; in the order of `found`."""
    found: "NDArray[np.int64]"
    """The number of its term."""
    shares: "NDArray[np.float64]"

    def totals(self, files: int) -> "NDArray[np.float64]":
        """Return the score of every file, from 0 to 1: the best file's is 1 if any term is found."""
        import numpy as np

        total = np.bincount(self.files, weights=self.shares, minlength=files).astype(np.float64)
        best = total.max(initial=0.0)
        return total / best if best > 0 else total

    def of_file(self, number: int) -> dict[str, float]:
        """Return what each term that is found in a file contributes to its score."""
        at = slice(*self.files.searchsorted([number, number + 1]).tolist())
        return {
            self.terms[term]: float(share)
            for term, share in zip(self.found[at], self.shares[at], strict=True)
        }


class Corpus:
    """What is known of the files of a tree; numbers of files are places in `paths`, which is sorted."""

    def __init__(self, files: Mapping[str, Content], rows: Mapping[Content, Row], index: Index) -> None:
        import numpy as np

        known = sorted((path, content) for path, content in files.items() if content in rows)
        self.skipped = {path: skipped for path, content in known if (skipped := rows[content].skipped)}
        kept = [(path, content) for path, content in known if path not in self.skipped]
        self.index = index
        self.paths = [path for path, _ in kept]
        self.contents = [content for _, content in kept]
        self.kinds: list[Kind] = [kind_of(path) for path in self.paths]
        self._rows = [rows[content] for _, content in kept]
        self.sizes = np.array([-(-row.size // BYTES_PER_TOKEN) for row in self._rows], dtype=np.int64)
        """Estimated tokens."""

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each path."""
        return {path: number for number, path in enumerate(self.paths)}

    def imports(self, number: int) -> list[str]:
        """Return the statements by which a file imports."""
        return self._rows[number].imports.split("\n") if self._rows[number].imports else []

    def names(self, number: int) -> "NDArray[np.uint32]":
        """Return the numbers of the words that stand in a file as names."""
        import numpy as np

        return np.frombuffer(self._rows[number].names, dtype="<u4")

    def defined(self, number: int) -> "NDArray[np.uint32]":
        """Return the numbers of the words that a file defines."""
        import numpy as np

        return np.frombuffer(self._rows[number].defined, dtype="<u4")

    @cached_property
    def all_names(self) -> "_Lists":
        """The names that stand in each file."""
        return _Lists([row.names for row in self._rows], "<u4")

    @cached_property
    def all_defined(self) -> "_Lists":
        """The names that each file defines."""
        return _Lists([row.defined for row in self._rows], "<u4")

    @cached_property
    def _all_terms(self) -> "_Lists":
        return _Lists([row.terms for row in self._rows], "<u4")

    @cached_property
    def _counts(self) -> "NDArray[np.uint16]":
        return _Lists([row.counts for row in self._rows], "<u2").values

    @cached_property
    def _lengths(self) -> "NDArray[np.float64]":
        """Terms of each file, those of its path included."""
        import numpy as np

        own = self._all_terms
        total = np.bincount(own.owners, weights=self._counts, minlength=len(self)).astype(np.float64)
        named = np.array([len(found) for found in self._path_terms], dtype=np.float64)
        return np.asarray(total + PATH_WEIGHT * named)

    @cached_property
    def _path_terms(self) -> list[list[str]]:
        return [[term for word in words(path) for term in terms(word)] for path in self.paths]

    def match(self, query: Mapping[str, float]) -> Matches:
        """Return how well each file matches weighted terms."""
        import numpy as np

        asked = tuple(query)
        places = {term: place for place, term in enumerate(asked)}
        known = self.index.numbers(asked)
        wanted = {known[term]: place for term, place in places.items() if term in known}
        at, found = self._all_terms.find(wanted)
        files, counts = self._all_terms.owners[at], self._counts[at].astype(np.float64)
        named = [
            (number, places[term])
            for number, several in enumerate(self._path_terms)
            for term in several
            if term in places
        ]
        if named:
            extra = np.array(named, dtype=np.int64)
            files = np.concatenate([files, extra[:, 0]])
            found = np.concatenate([found, extra[:, 1]])
            counts = np.concatenate([counts, np.full(len(named), float(PATH_WEIGHT))])
        cells, where = np.unique(files * len(asked) + found, return_inverse=True)
        frequency = np.bincount(where, weights=counts, minlength=len(cells)).astype(np.float64)
        files, found = cells // max(1, len(asked)), cells % max(1, len(asked))
        return Matches(
            asked, files, found, self._shares(files, found, frequency, np.array([*query.values()]))
        )

    def _shares(
        self,
        files: "NDArray[np.int64]",
        found: "NDArray[np.int64]",
        frequency: "NDArray[np.float64]",
        weights: "NDArray[np.float64]",
    ) -> "NDArray[np.float64]":
        import numpy as np

        count = len(self)
        having = np.bincount(found, minlength=len(weights))
        rarity = np.log1p((count - having + 0.5) / (having + 0.5))
        length = self._lengths / max(1.0, float(self._lengths.mean()) if count else 1.0)
        damped = frequency / (frequency + _K1 * (1 - _B + _B * length[files]))
        shares: NDArray[np.float64] = weights[found] * rarity[found] * damped * (_K1 + 1)
        return shares


class _Lists:
    """Lists of numbers, one per file, one after the other."""

    def __init__(self, lists: Sequence[bytes], kind: str) -> None:
        import numpy as np

        self.values = np.frombuffer(b"".join(lists), dtype=kind)
        width = self.values.itemsize
        self.owners = np.repeat(np.arange(len(lists)), [len(one) // width for one in lists])
        """Of each value, the file."""

    def find(self, wanted: Mapping[int, int]) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """Return the places of values that are wanted, and what each of them stands for."""
        import numpy as np

        if not wanted or not len(self.values):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        meaning = np.full(max(int(self.values.max()), *wanted) + 1, -1, dtype=np.int64)
        meaning[list(wanted)] = list(wanted.values())
        found = meaning[self.values]
        at = np.flatnonzero(found >= 0)
        return at, found[at]


def load_corpus(files: Mapping[str, Content], index: Index) -> Corpus:
    """Return the corpus of a tree's files; those that the index doesn't know are left out."""
    return Corpus(files, index.rows(files.values()), index)
