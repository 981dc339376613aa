"""Edges between files: who imports whom, and who uses a name that few others define."""

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from swe_scale.context.corpus import Corpus
from swe_scale.context.imports import Named, imported
from swe_scale.context.mentions import Paths, module_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_RARE = 3
"""Files that define a name beyond which using it leads to none of them."""
_PACKAGE = 12
"""The same of the files of one package."""
_BY_NAME = 0.25
"""Of a file that is used by its names, beside one that is imported."""
_WORTH_TELLING = 0.1
_IMPORTS = 200
"""Statements of one file that are followed."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What reached each file over one edge, from 0 to 1, and from which file most of it came."""

    scores: "NDArray[np.float64]"
    sources: Mapping[int, tuple[float, str, str]]
    """By number of file: how much, how, and the path from which."""

    def told(self, number: int) -> str:
        """Return why a file was reached; empty where it was not, or hardly."""
        _, how, path = self.sources.get(number, (0.0, "", ""))
        return f"{how} {path}" if path and self.scores[number] >= _WORTH_TELLING else ""


class Graph:
    """The neighbourhood of files; edges are looked up for the few that are asked about."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._paths = Paths(corpus.paths)

    def spread(self, seeds: Mapping[int, float]) -> Reached:
        """Return what reaches each file over one edge from seeds, each giving a share of its own score.

        Args:
            seeds: scores by number of file.
        """
        import numpy as np

        scores = np.zeros(len(self._corpus))
        sources: dict[int, tuple[float, str, str]] = {}
        for one, score in seeds.items():
            for share, how, several in self._around(one):
                given = share * score / max(1, len(several)) ** 0.5
                scores[list(several)] += given
                for other in several:
                    sources[other] = max(
                        sources.get(other, (0.0, "", "")), (given, how, self._corpus.paths[one])
                    )
        best = scores.max(initial=0.0)
        return Reached(scores / best if best > 0 else scores, sources)

    def _around(self, one: int) -> Iterator[tuple[float, str, set[int]]]:
        yield 1.0, "imported by", self.imported(one) - {one}
        yield _BY_NAME, "defines what is used in", self.used(one) - {one}

    def imported(self, number: int) -> set[int]:
        """Return the files that a file imports."""
        path = self._corpus.paths[number]
        return {
            self._corpus.numbers[one]
            for statement in self._corpus.imports(number)[:_IMPORTS]
            for named in imported(path, statement)
            for one in (self._package(named.text) if path.endswith(".go") else self._find(named))
        }

    def _find(self, named: Named) -> list[str]:
        """Return the files that a statement names: just these where it says where they lie."""
        if named.place is not None:
            exact = self._places.get(named.place, [])
            if exact or named.relative:
                return exact if len(exact) <= _RARE else []
        text = named.text
        found = self._paths.by_path(text) or self._paths.by_module(text.replace("/", "."))
        return found if len(found) <= _RARE else []

    def _package(self, named: str) -> list[str]:
        """Return the files of a package of Go: it is a folder, named from beyond the repository."""
        parts = [part for part in named.split("/") if part]
        folders = ("/".join(parts[start:]) for start in range(len(parts)))
        found = next((self._packages[folder] for folder in folders if folder in self._packages), [])
        return found if len(found) <= _PACKAGE else []

    @cached_property
    def _packages(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for path, kind in zip(self._corpus.paths, self._corpus.kinds, strict=True):
            if path.endswith(".go") and kind == "code":
                found[posixpath.dirname(path)].append(path)
        return dict(found)

    @cached_property
    def _places(self) -> dict[str, list[str]]:
        """The files by their paths, and by those without a suffix or, of a package, without its file."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self._corpus.paths:
            stem = posixpath.splitext(path)[0]
            places = (path, stem, "/".join(module_of(tuple(path.split("/")))))
            for place in dict.fromkeys(
                (*places, *((posixpath.dirname(path),) if path.endswith(".go") else ()))
            ):
                found[place].append(path)
        return dict(found)

    def used(self, number: int) -> set[int]:
        """Return the files that define names which stand in a file and which few files define."""
        names = set(self._corpus.names(number).tolist())
        return {owner for name in names & self._defining.keys() for owner in self._defining[name]}

    @cached_property
    def _defining(self) -> dict[int, list[int]]:
        import numpy as np

        lists = self._corpus.all_defined
        values, counts = np.unique(lists.values, return_counts=True)
        at, _ = lists.find({int(value): 0 for value in values[counts <= _RARE]})
        found: dict[int, list[int]] = defaultdict(list)
        for name, owner in zip(lists.values[at].tolist(), lists.owners[at].tolist(), strict=True):
            found[name].append(owner)
        return dict(found)
