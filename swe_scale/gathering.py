"""Applies patches of any origin to one commit, leaves out what can't be judged, and merges what is equal."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import anyio

from swe_scale.errors import PatchError
from swe_scale.given import GivenPatch
from swe_scale.patch import normal_form, only_tests, token_form, touched
from swe_scale.records import digest
from swe_scale.repo import Repository

MOST_APPLIED = 1000
"""Different texts that are applied: of more, one of those that change the same tokens stands for all."""
MOST_JUDGED = 100
"""Different trees that are judged: of more, one of each normal form, those that most sources brought."""
_AT_A_TIME = 4
_LARGEST = 64 << 20
"""Bytes of binary content that a patch may put in place."""
_LITERAL = re.compile(r"^literal (\d{1,18})\r?$", re.MULTILINE)

EMPTY = "changing nothing"
FAULTY = "that don't apply"
TESTS = "changing tests only"
BEYOND = "beyond those that can be looked at"
UNUSABLE = "that can't be read"

Told = Callable[[str, str], None]
"""Is told the text of a patch that is left out, and why."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is to be judged, by tree, and how many patches are not, by reason."""

    patches: tuple[GivenPatch, ...]
    left_out: Mapping[str, int]


@dataclass(slots=True)
class _Pile:
    """What has been applied so far."""

    repository: Repository
    base: str
    """Tree hash of the base commit."""
    tell: Told
    sources: Counter[str] = field(default_factory=Counter)
    """By tree."""
    left_out: Counter[str] = field(default_factory=Counter)

    async def take(self, text: str, sources: int) -> None:
        reason, why = "", ""
        try:
            _check_size(text)
            tree = await self.repository.apply(self.base, text)
            if tree == self.base:
                reason, why = EMPTY, "it changes nothing"
            elif only_tests(touched(await self.repository.diff(self.base, tree))):
                reason, why = TESTS, "it changes tests only"
        except PatchError as error:
            reason, why = FAULTY, str(error)
        if reason:
            self.left_out[reason] += sources
            self.tell(text, why)
        else:
            self.sources[tree] += sources


async def gather(repository: Repository, base: str, texts: Mapping[str, int], tell: Told) -> Gathered:
    """Return what comes of applying patches; the same whatever their order.

    Args:
        repository: theirs.
        base: hash of the tree that they are for.
        texts: the patches, each with how many brought it.
        tell: told of each that can't be judged.

    Raises:
        RepositoryError: the repository can't be read or written.
    """
    chosen, beyond = folded(texts, token_form, MOST_APPLIED)
    pile, limiter = _Pile(repository, base, tell), anyio.CapacityLimiter(_AT_A_TIME)

    async def one(text: str) -> None:
        async with limiter:
            await pile.take(text, chosen[text])

    async with anyio.create_task_group() as group:
        for text in chosen:
            group.start_soon(one, text)
    forms: dict[str, str] = {}
    if len(pile.sources) > MOST_JUDGED:
        forms = {tree: normal_form(await repository.changes(base, tree)) for tree in pile.sources}
    judged, more = folded(pile.sources, forms.__getitem__, MOST_JUDGED)
    pile.left_out[BEYOND] += beyond + more
    patches = [
        GivenPatch(tree=tree, patch=await repository.diff(base, tree), sources=judged[tree])
        for tree in sorted(judged)
    ]
    left_out = {reason: count for reason, count in sorted(pile.left_out.items()) if count}
    return Gathered(tuple(patches), left_out)


def folded(
    counts: Mapping[str, int], form_of: Callable[[str], str], most: int
) -> tuple[Mapping[str, int], int]:
    """Return at most so many of the things counted, and the sum of those that are left out.

    If there are more, the commonest of each form stands for all of it, and the commonest forms are kept.
    """
    if len(counts) <= most:
        return counts, 0
    groups: dict[str, list[str]] = defaultdict(list)
    for one in counts:
        groups[form_of(one)].append(one)
    sums = {_commonest(ones, counts): sum(counts[one] for one in ones) for ones in groups.values()}
    kept = sorted(sums, key=lambda one: (-sums[one], digest(one)))[:most]
    return {one: sums[one] for one in kept}, sum(counts.values()) - sum(sums[one] for one in kept)


def _commonest(ones: Iterable[str], counts: Mapping[str, int]) -> str:
    return min(ones, key=lambda one: (-counts[one], digest(one)))


def _check_size(text: str) -> None:
    """Refuse a patch whose binary content would fill the memory.

    Raises:
        PatchError: it would.
    """
    if sum(int(size) for size in _LITERAL.findall(text)) > _LARGEST:
        raise PatchError(f"It holds more than {_LARGEST >> 20} MiB of binary content.")
