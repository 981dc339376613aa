"""The whole way from an issue to the files that models are shown: rank, read, order, pack."""

from dataclasses import dataclass, replace

from swe_scale.config import ContextSteps
from swe_scale.context.asking import Addressee, Asker
from swe_scale.context.finding import Found, Tree, find_ranking, packed
from swe_scale.context.index import open_index
from swe_scale.context.layout import Layout, Questioning
from swe_scale.context.ordering import Orderer
from swe_scale.context.reading import Reader
from swe_scale.events import Events
from swe_scale.models import Model
from swe_scale.records import Context, Issue
from swe_scale.repo import Repository


@dataclass(frozen=True, slots=True)
class Asked:
    """The models of a cascade, with the issue as it is shown to them."""

    issue: Issue
    reader: Asker
    orderer: Asker

    def end_at(self, time: float) -> None:
        """Let nothing be asked after a time of the event loop's clock."""
        self.reader.until = self.orderer.until = time


@dataclass(frozen=True, slots=True)
class Wish:
    """What a context is wanted for."""

    issue: Issue
    commit: str
    budget: int
    """Tokens."""
    steps: ContextSteps


async def find_context(
    wish: Wish,
    repository: Repository,
    events: Events,
    asked: Asked | None = None,
    model: Model | None = None,
) -> Context:
    """Return the files to show for an issue, best first, within a budget of tokens.

    Args:
        wish: the issue and its bounds.
        repository: where its commit was resolved.
        events: where progress is reported.
        asked: models that read and order. None: the order is found without.
        model: who is shown the files, and may be able to count tokens. None: they are estimated.

    Raises:
        EndpointRefused: a reader's endpoint answers nothing at all.
        RepositoryError: the tree can't be read.
        StoreError: the record can't be written.
    """
    with open_index(repository.folder) as index:
        tree = Tree(repository, wish.commit, await repository.tree_of(wish.commit), index)
        found = await find_ranking(wish.issue, tree, wish.steps, events)
        if asked is not None and wish.steps.reader and len(found.ranking.corpus):
            found = await _read(found, tree, wish.steps, asked)
        return await packed(found, tree, wish.budget, model)


async def find_questions(
    wish: Wish, repository: Repository, shown: Issue, reader: Addressee, orderer: Addressee
) -> Questioning:
    """Return how much a reader and an orderer would be asked, with nothing asked of them.

    Raises:
        RepositoryError: the tree can't be read.
    """
    with open_index(repository.folder) as index:
        tree = Tree(repository, wish.commit, await repository.tree_of(wish.commit), index)
        found = await find_ranking(wish.issue, tree, wish.steps, Events())
        if not len(found.ranking.corpus):
            return Questioning()
        return await Layout(shown, found, tree, reader, wish.steps).questioning(orderer)


async def _read(found: Found, tree: Tree, steps: ContextSteps, asked: Asked) -> Found:
    layout = Layout(asked.issue, found, tree, asked.reader.addressee, steps)
    reading = await Reader(asked.reader, layout).read()
    orderer = Orderer(asked.orderer, replace(layout.questions, to=asked.orderer.addressee))
    order = await orderer.order(found.order, reading.judged, steps.rounds)
    relevant = sum(one.relevant for one in reading.judged.values())
    skimmed = f", {reading.skimmed:,} skimmed" if reading.skimmed else ""
    asked.reader.events.emit(
        "note",
        f"{len(reading.judged):,} files read{skimmed}, {relevant:,} relevant; "
        f"{reading.share:.0%} of the code's tokens",
        f"{asked.issue.id}/reader",
    )
    return replace(found, order=tuple(order), judged=reading.judged)
