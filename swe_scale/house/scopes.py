"""Guesses which part of a project a change is about, in the words of past commits to the same files."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from swe_scale.house.commits import Told

_NEAREST = 7
"""Past commits that have a say."""
_LEAST = 0.3
"""Share of their say beyond which a name is taken."""
_USUAL = 0.05
"""Share of names from which on a rule is taken to make them of folders."""


def scope_of(paths: Sequence[str], commits: Iterable[Told]) -> str:
    """Return the scope or module that is named in commits to files near these; empty where none prevails.

    Commits have a say by the files and folders that they share with these, the rarer the more. Where none
    shares any, a name is made of the folders as most of the names were.
    """
    named = [one for one in commits if one.subject.scope and one.past.paths]
    return _of_near(paths, named) or _of_folders(paths, named)


def _of_near(paths: Sequence[str], named: Sequence[Told]) -> str:
    held = [places(one.past.paths) for one in named]
    known = Counter(place for one in held for place in one)
    wanted = places(paths) & known.keys()
    weights = {place: math.log((len(named) + 1) / known[place]) for place in wanted}
    says = [(sum(weights[place] for place in one & wanted), -number) for number, one in enumerate(held)]
    votes: dict[str, float] = {}
    for weight, number in sorted(says, reverse=True)[:_NEAREST]:
        name = named[-number].subject.scope
        votes[name] = votes.get(name, 0.0) + weight
    best = max(votes, key=votes.__getitem__, default="")
    return best if best and votes[best] > _LEAST * sum(votes.values()) else ""


def _of_folders(paths: Sequence[str], named: Sequence[Told]) -> str:
    """Return a name made of folders by the rule that made most of the names."""
    right = Counter(
        number
        for one in named
        for number, name in enumerate(_folder_names(one.past.paths))
        if name == one.subject.scope
    )
    if not right or max(right.values()) < _USUAL * len(named):
        return ""
    names = _folder_names(paths)
    return next((names[number] for number, _ in right.most_common() if names[number]), "")


def _folder_names(paths: Sequence[str]) -> tuple[str, ...]:
    """Return names that are in use for files: the folder that holds them all, its ends, a file's stem."""
    parts = [PurePosixPath(path).parent.parts for path in paths]
    shared = [one[0] for one in zip(*parts, strict=False) if len(set(one)) == 1]
    stem = PurePosixPath(paths[0]).stem if paths else ""
    last = shared[-1] if shared else ""
    first = shared[0] if shared else ""
    return "/".join(shared), last, first, stem, "/".join(shared[1:]), "/".join(shared[:2])


def places(paths: Iterable[str]) -> frozenset[str]:
    """Return the files and the folders that hold them; the root doesn't count."""
    found: set[str] = set()
    for path in paths:
        pure = PurePosixPath(path)
        found |= {path, *(str(one) for one in pure.parents if one.name)}
    return frozenset(found)
