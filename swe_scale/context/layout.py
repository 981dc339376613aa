"""Lays out what a reader is shown: which files and how much of each, or only what their summaries promise."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import anyio

from swe_scale.config import ContextSteps
from swe_scale.context.asking import Addressee, Question
from swe_scale.context.corpus import BYTES_PER_TOKEN
from swe_scale.context.finding import Found, Tree, shown_files
from swe_scale.context.index import Content
from swe_scale.context.pack import fit, fitting, shares
from swe_scale.context.questions import Questions
from swe_scale.records import ContextFile, Issue, Record, digest

MOST_READ = 1_000_000
"""Tokens that are read for one issue, however large the repository is."""
_SMALL = 10_000
"""Tokens that are read whatever the share: of so small a repository, all."""
SUMMARY = "summary"
"""Kind of the notes under which the index keeps what a file is for; their key is the content's hash."""
_DECAY = 0.7
"""A file's share of what is read falls by this power of its place."""
_LEAST = 150
"""Tokens below which an excerpt says too little to judge by."""
_TOGETHER = 8_000_000
"""Estimated tokens of files whose texts are in memory at a time."""
_ALWAYS = 30
"""Files, best first, that are read whatever kind they are of."""
_LATER = 0.08
"""Of what reading costs when a repository is new, what a later issue may cost."""
_KNOWN = 0.25
"""Of what would be read, the part that must have been read before for an issue to count as a later one."""
_SURE, _FEWEST = 2, 4
"""Files, best first, that are read whatever summaries promise; files for which it is worth while to skim."""

Given = list[tuple[int, ContextFile]]
"""Files, by number, with what is shown of each."""


class Plan(Record):
    """What a reader is shown at most, and which summaries it has: recorded, for both change."""

    files: tuple[tuple[str, int], ...]
    """Paths, best first, and the tokens that each may have."""
    known: Mapping[str, str]
    """Summaries by path, of those that were read before, as they are or as they were."""
    changed: frozenset[str] = frozenset()
    """Paths of those that are no longer as they were."""


class Questioning(Record):
    """How much is asked; sizes are bytes of all prompts together."""

    calls: int = 0
    """Of a reader, for certain."""
    size: int = 0
    more_calls: int = 0
    """That may come on top, at most: of files that a skimming picks."""
    more_size: int = 0
    order_calls: int = 0
    """At most, for the order of what is relevant."""
    order_size: int = 0
    shared: int = 0
    """What every prompt begins with."""


@dataclass(frozen=True, slots=True)
class Later:
    """How files are read of which most are known: by what a skimming of their summaries picks."""

    skims: list[tuple[list[int], Question]]
    most: int
    """Files that are read at most."""
    left: int
    """Estimated tokens for them, with what is asked about them."""


@dataclass(frozen=True)
class Layout:
    """Of one issue, for one model."""

    issue: Issue
    """As shown: cut where it is long."""
    found: Found
    tree: Tree
    to: Addressee
    steps: ContextSteps

    @cached_property
    def total(self) -> int:
        """Estimated tokens of all code but tests: what there would be to read."""
        corpus = self.found.ranking.corpus
        sizes = zip(corpus.sizes.tolist(), corpus.kinds, strict=True)
        return int(sum(size for size, kind in sizes if kind == "code"))

    @cached_property
    def questions(self) -> Questions:
        """What asks about files."""
        return Questions(self.issue, self.found.ranking.corpus, self.tree.index, self.to)

    def plan(self) -> Plan:
        """Return what may be read, as things stand."""
        corpus = self.found.ranking.corpus
        budget = min(max(int(self.total * self.steps.reading), _SMALL), MOST_READ)
        files = self._rooms(self._candidates(), budget)
        numbers = [number for number, _ in files]
        own = self._recalled(numbers, lambda number: self._key(corpus.contents[number]))
        earlier = self._recalled(numbers, lambda number: path_key(corpus.paths[number], self.to.name))
        known = earlier | own
        return Plan(
            files=tuple((corpus.paths[number], room) for number, room in files),
            known={corpus.paths[number]: summary for number, summary in known.items()},
            changed=frozenset(corpus.paths[number] for number in earlier.keys() - own.keys()),
        )

    async def planned(self, plan: Plan) -> Given:
        """Return what a plan shows of files.

        Raises:
            RepositoryError: the tree can't be read.
        """
        numbers = self.found.ranking.corpus.numbers
        return await self._excerpts([(numbers[path], room) for path, room in plan.files if path in numbers])

    def later(self, plan: Plan, files: Given) -> Later | None:
        """Return how to read files of which many are known; None where they are read as if they were new."""
        paths = self.found.ranking.corpus.paths
        known = {number: plan.known[paths[number]] for number, _ in files if paths[number] in plan.known}
        weight = sum(file.tokens for number, file in files if number in known)
        tokens = sum(file.tokens for _, file in files)
        if weight <= _KNOWN * tokens:
            return None
        allowed = int(_LATER * (tokens + len(files) * self.questions.around))
        skims, spent = self._skims([number for number, _ in files], known, allowed // 2)
        most = (allowed - spent) // (2 * self.questions.around)
        return Later(skims, most, allowed - spent) if most >= _FEWEST else None

    async def chosen(self, plan: Plan, files: Given, later: Later, picked: Sequence[int]) -> Given:
        """Return what is shown of those files that were picked, and of new ones as far as there is room.

        Raises:
            RepositoryError: the tree can't be read.
        """
        paths = self.found.ranking.corpus.paths
        numbers = [number for number, _ in files]
        same = plan.known.keys() - plan.changed
        new = [number for number in numbers if paths[number] not in same]
        wanted = list(dict.fromkeys([*numbers[:_SURE], *picked, *new]))[: later.most]
        return await self._excerpts(self._rooms(wanted, later.left - len(wanted) * self.questions.around))

    async def questioning(self, orderer: Addressee) -> Questioning:
        """Return how much would be asked of it, and of who puts in order.

        Raises:
            RepositoryError: the tree can't be read.
        """
        plan = await anyio.to_thread.run_sync(self.plan)
        files = await self.planned(plan)
        later = await anyio.to_thread.run_sync(self.later, plan, files)
        questions = replace(self.questions, to=orderer)
        rounds = self.steps.rounds if len(files) > 1 else 0
        orders = {
            "order_calls": rounds,
            "order_size": rounds * questions.most_to_order([n for n, _ in files]),
        }
        shared = questions.shared
        if later is None:
            asked = [one for number, file in files for one in self.questions.of_file(number, file)]
            sizes = sum(map(self.questions.bytes_of, asked))
            return Questioning(calls=len(asked), size=sizes, shared=shared, **orders)
        # A window has a tenth of a question at least, whatever its file.
        calls = later.most + 10 * later.left // max(1, self.questions.around)
        return Questioning(
            calls=len(later.skims),
            size=sum(self.questions.bytes_of(question) for _, question in later.skims),
            more_calls=calls,
            more_size=BYTES_PER_TOKEN * (later.left + calls * self.questions.around),
            shared=shared,
            **orders,
        )

    def _recalled(self, numbers: Iterable[int], key: Callable[[int], str]) -> dict[int, str]:
        """Return the summaries that are kept under files' keys."""
        keys = {number: key(number) for number in numbers}
        kept = self.tree.index.recall(SUMMARY, keys.values())
        return {number: kept[key] for number, key in keys.items() if key in kept}

    def keep(self, summaries: Mapping[int, str]) -> None:
        """Keep what files are for, by their contents."""
        corpus = self.found.ranking.corpus
        kept = {self._key(corpus.contents[number]): text for number, text in summaries.items() if text}
        kept |= {
            path_key(corpus.paths[number], self.to.name): text for number, text in summaries.items() if text
        }
        self.tree.index.keep(SUMMARY, kept)

    def _candidates(self) -> list[int]:
        """Return the files that may be shown, best first: code, and whatever stands high."""
        kinds = self.found.ranking.corpus.kinds
        order = enumerate(self.found.order)
        return [number for place, number in order if place < _ALWAYS or kinds[number] == "code"]

    def _skims(
        self, numbers: Sequence[int], known: Mapping[int, str], tokens: int
    ) -> tuple[list[tuple[list[int], Question]], int]:
        """Return as many questions, the best files first, as fit into so many tokens, and what they have."""
        skims: list[tuple[list[int], Question]] = []
        spent = 0
        for group, question in self.questions.to_skim(numbers, known, max(3, len(numbers) // 40)):
            size = self.questions.size(question)
            if skims and spent + size > tokens:
                break
            skims.append((group, question))
            spent += size
        return skims, spent

    def _rooms(self, numbers: Sequence[int], budget: int) -> list[tuple[int, int]]:
        """Return as many files as can share a budget, each with the less of it the later it stands."""
        sizes = self.found.ranking.corpus.sizes
        numbers = numbers[: fitting(len(numbers), budget, _DECAY, _LEAST)]
        rooms = shares([int(sizes[number]) for number in numbers], budget, _DECAY)
        # Sizes of contents and texts differ by how they are rounded.
        return [(number, room + 1) for number, room in zip(numbers, rooms, strict=True)]

    async def _excerpts(self, files: Sequence[tuple[int, int]]) -> Given:
        given: Given = []
        for group in self._grouped(files):
            texts = await shown_files(self.found.ranking, self.tree, [number for number, _ in group])
            for (number, room), file in zip(group, texts, strict=True):
                packed = await anyio.to_thread.run_sync(fit, file, room)
                if packed is not None:
                    given.append((number, packed))
        return given

    def _grouped(self, files: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
        sizes = self.found.ranking.corpus.sizes
        group: list[tuple[int, int]] = []
        total = 0
        for number, room in files:
            if group and total + int(sizes[number]) > _TOGETHER:
                yield group
                group, total = [], 0
            group.append((number, room))
            total += int(sizes[number])
        if group:
            yield group

    def _key(self, content: Content) -> str:
        return summary_key(content, self.to.name)


def summary_key(content: Content, reader: str) -> str:
    """Return the key under which the index keeps what a reader said that a content is for."""
    return digest(content.blob, reader)


def path_key(path: str, reader: str) -> str:
    """Return the key of what a reader said last that the file of a path is for."""
    return digest("path", path, reader)
