"""What past commits say of files: those like the issue changed them, they changed lately, or with others."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swe_scale.contents.words import terms, words
from swe_scale.repo import Past

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMMITS = 3000
"""Commits that are looked at."""
_K1, _B = 1.2, 0.75
_RECENT = 300.0
"""Commits after which a change counts 1/e of one of today."""
_REMEMBERED = 1500.0
"""The same where files were changed together."""
_TOLD = 80
"""Characters of a commit's subject that are shown."""


@dataclass(frozen=True, slots=True)
class History:
    """Scores of all files, each from 0 to 1."""

    alike: "NDArray[np.float64]"
    """Commits whose messages are like the issue changed the file."""
    recent: "NDArray[np.float64]"
    together: "NDArray[np.float64]"
    """Commits that changed files which match the issue changed this one, too."""
    subjects: Mapping[int, str]
    """By number of file, the subject of the commit most like the issue."""


def history_of(
    past: Sequence[Past], query: Mapping[str, float], numbers: Mapping[str, int], seeds: Mapping[int, float]
) -> History:
    """Return what commits say of files.

    Args:
        past: newest first.
        query: weighted terms of the issue.
        numbers: of the files, by path.
        seeds: scores of files that match the issue, by number.
    """
    import numpy as np

    likeness = _likeness(past, query)
    alike, recent, together = (np.zeros(len(numbers)) for _ in range(3))
    best: dict[int, tuple[float, str]] = defaultdict(lambda: (0.0, ""))
    for age, (commit, like) in enumerate(zip(past, likeness, strict=True)):
        files = [numbers[path] for path in commit.paths if path in numbers]
        if not files:
            continue
        share = len(files) ** -0.5
        alike[files] += like * like * share
        recent[files] += math.exp(-age / _RECENT) * share
        if len(files) > 1 and (seed := max(seeds.get(number, 0.0) for number in files)):
            together[files] += seed * math.exp(-age / _REMEMBERED) / len(files)
        for number in files:
            best[number] = max(best[number], (like * share, commit.message))
    subjects = {
        number: message.strip().split("\n")[0][:_TOLD] for number, (like, message) in best.items() if like
    }
    return History(_scaled(alike), np.sqrt(_scaled(recent)), _scaled(together), subjects)


def _likeness(past: Sequence[Past], query: Mapping[str, float]) -> list[float]:
    """Return the score of each commit's message (BM25)."""
    counted = [Counter(term for word in words(commit.message) for term in terms(word)) for commit in past]
    having = Counter(term for counts in counted for term in counts if term in query)
    lengths = [counts.total() for counts in counted]
    mean = sum(lengths) / len(lengths) if any(lengths) else 1.0
    rarity = {
        term: query[term] * math.log1p((len(past) - count + 0.5) / (count + 0.5))
        for term, count in having.items()
    }
    return [
        sum(
            rarity[term] * counts[term] / (counts[term] + _K1 * (1 - _B + _B * length / mean))
            for term in counts.keys() & rarity.keys()
        )
        for counts, length in zip(counted, lengths, strict=True)
    ]


def _scaled(scores: "NDArray[np.float64]") -> "NDArray[np.float64]":
    best = scores.max(initial=0.0)
    return scores / best if best > 0 else scores
