"""Issues made of mutants: a bug, patches that mend it or don't, and what their authors would check.

How often authors are right, and what kind of check they mean to write, is drawn by the dials of the coin
world. What patches do, which of them a check detects and what a mistaken author asks for is not: real runs
tell. An author has run his check on his own patch: where an assertion holds on it, he takes that one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from coin_world import Dials, World
from mutant_checks import NOBODY, Assertion, Claim, Module
from mutation import Variant, mutants, rewrites

Way = Literal["inverse", "reworded", "other bug", "no change", "second bug", "over-broad"]
Values = tuple[str, ...]
"""What each expression of the suite gives; empty where the code doesn't come to an end."""

_REWORDED = 3
_WRONG: Mapping[Way, int] = {"other bug": 3, "no change": 1, "second bug": 1, "over-broad": 2}
"""How many patches of a kind authors may choose among, at most."""
_INVERSE = 0.5
"""Share of right authors who undo the bug as it was made; the others say the same in other words."""
_MOST_BROKEN = 0.5
"""Share of the suite that a bug violates at most: what breaks everything needs no issue."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a module may become."""

    way: Way
    source: str


@dataclass(frozen=True, slots=True)
class Bug:
    """A mutant that the true suite detects."""

    module: Module
    variant: Variant
    values: Values

    @property
    def violated(self) -> tuple[int, ...]:
        """Numbers of the assertions that it violates."""
        return violated(self.module, self.values)


@dataclass(frozen=True, slots=True)
class Patch:
    """A text in place of the bug, and what it does."""

    text: Text
    values: Values
    right: bool
    """Whether the true suite passes: the label."""


@dataclass(frozen=True, slots=True)
class Author:
    """A trajectory: its patch, and the claims that it may choose among by the dials of a regime."""

    patch: int
    """Number in the issue's patches."""
    lots: tuple[float, ...]
    claims: Mapping[str, Claim]
    """By kind: valid, weak, mistaken, vacuous, hopeless, elsewhere."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One issue."""

    bug: Bug
    patches: tuple[Patch, ...]
    authors: tuple[Author, ...]


def violated(module: Module, values: Values) -> tuple[int, ...]:
    """Return the numbers of the assertions that don't hold."""
    pairs = zip(module.suite, values, strict=True)
    return tuple(number for number, (one, value) in enumerate(pairs) if one.expected != value)


def bugs(module: Module, values: Mapping[str, Values]) -> list[Bug]:
    """Return the mutants that end, and that violate some of the suite but not most of it.

    Args:
        module: the module.
        values: what some of its mutants do, by their texts.
    """
    known = [one for one in mutants(module.source) if values.get(one.text)]
    found = [Bug(module, one, values[one.text]) for one in known]
    return [one for one in found if 0 < len(one.violated) <= _MOST_BROKEN * len(module.suite)]


def texts_for(bug: Bug, chance: np.random.Generator) -> list[Text]:
    """Return what authors may put in place of a bug, the inverse first; drawn where there is too much."""
    source, function = bug.module.source, bug.variant.function
    others, broken = mutants(source), bug.variant.text
    among: Mapping[Way, list[str]] = {
        "other bug": [one.text for one in others if one.function == function],
        "no change": [one.text for one in rewrites(broken, function)],
        "second bug": [one.text for one in mutants(broken, function)],
        "over-broad": [one.text for one in others if one.function != function],
    }
    reworded = [one.text for one in rewrites(source, function)]
    found = [Text("inverse", source), *_some("reworded", reworded, _REWORDED, chance)]
    for way, most in _WRONG.items():
        found += _some(way, among[way], most, chance)
    distinct = {one.source: one for one in reversed(found) if one.source != bug.variant.text}
    return [one for one in found if distinct.get(one.source) is one]


def _some(way: Way, texts: Sequence[str], most: int, chance: np.random.Generator) -> Iterator[Text]:
    for number in chance.permutation(len(texts))[:most]:
        yield Text(way, texts[number])


def drawn(bug: Bug, patches: Sequence[Patch], elsewhere: Sequence[Claim], seed: tuple[int, ...]) -> Drawn:
    """Return an issue with its authors.

    Args:
        bug: the bug.
        patches: what may stand in its place, the inverse first.
        elsewhere: claims that have nothing to do with the bug.
        seed: of all that is drawn.
    """
    rights, chance = World(Dials(), (*seed, 1)).issue(SAMPLES).right, np.random.default_rng((*seed, 2))
    right = [number for number, one in enumerate(patches) if one.right]
    wrong = [number for number, one in enumerate(patches) if not one.right]
    wrong = [wrong[number] for number in chance.permutation(len(wrong))]
    ways = 1 / np.arange(1, len(wrong) + 1) ** Dials().zipf
    authors: list[Author] = []
    for able in rights:
        if able or not wrong:
            others = len(right) - 1
            odds = [1.0] if not others else [_INVERSE, *[(1 - _INVERSE) / others] * others]
            patch = int(chance.choice(right, p=odds))
        else:
            patch = int(chance.choice(wrong, p=ways / ways.sum()))
        claims = _claims(bug, patches[patch], elsewhere, chance)
        authors.append(Author(patch, tuple(chance.random(4)), claims))
    return Drawn(bug, tuple(patches), tuple(authors))


SAMPLES = 8
"""Trajectories of an issue."""


def _claims(
    bug: Bug, own: Patch, elsewhere: Sequence[Claim], chance: np.random.Generator
) -> Mapping[str, Claim]:
    suite, name = bug.module.suite, bug.module.name
    broken = set(violated(bug.module, own.values))
    telling = bug.violated
    silent = [number for number in range(len(suite)) if number not in telling]

    def one_of(numbers: Sequence[int]) -> Assertion:
        holding = [number for number in numbers if number not in broken] or numbers
        return suite[holding[int(chance.integers(len(holding)))]]

    valid, vacuous = one_of(telling), one_of(silent)
    hopeless = Assertion(one_of(telling).expression, NOBODY)
    odd = [number for number in sorted(broken) if own.values[number] != bug.values[number]] or sorted(broken)
    mistaken = hopeless
    if odd:
        number = odd[int(chance.integers(len(odd)))]
        mistaken = Assertion(suite[number].expression, own.values[number])
    return {
        "valid": Claim(name, valid),
        "weak": Claim(name, valid, weak=True),
        "mistaken": Claim(name, mistaken),
        "vacuous": Claim(name, vacuous),
        "hopeless": Claim(name, hopeless),
        "elsewhere": elsewhere[int(chance.integers(len(elsewhere)))],
    }


def chosen_claim(author: Author, right: bool, dials: Dials, weakened: float = 0.0) -> Claim:
    """Return the claim that an author makes in a regime: the better regime, the more of them are valid.

    Args:
        author: the author.
        right: whether his patch is.
        dials: the regime's.
        weakened: share of valid claims that are content with anything but None and exceptions.
    """
    valid, mistaken, vacuous, weak = author.lots
    if not dials.informative:
        return author.claims["elsewhere"]
    if valid < (dials.valid_of_right if right else dials.valid_of_wrong):
        return author.claims["weak" if weak < weakened else "valid"]
    if not right and mistaken < dials.mistaken:
        return author.claims["mistaken"]
    return author.claims["vacuous" if vacuous < dials.vacuous else "hopeless"]
