"""The steps of `swe-scale prepare` for what a repository defines and what its files are for."""

from swe_scale.cli.prepare_work import Stepped, Work
from swe_scale.cli.reading import open_summariser
from swe_scale.context import Asker
from swe_scale.context.finding import Tree
from swe_scale.context.index import Index, open_index
from swe_scale.context.summaries import Summarised, summarise
from swe_scale.context.survey import Surveyed, survey
from swe_scale.events import printable

_STEP = "prepare/symbols"


async def prepare_symbols(work: Work) -> Stepped:
    """Take what the files of the commit define, import and say into the index.

    Raises:
        RepositoryError: the tree can't be read.
    """
    with open_index(work.repository.folder) as index:
        surveyed = await _surveyed(work, index)
    files = len(set(surveyed.files.values()))
    return Stepped(done=surveyed.fresh, kept=files - surveyed.fresh, note=f"{files:,} contents known")


async def prepare_summaries(work: Work) -> Stepped:
    """Have a reader model say what each file is for.

    Raises:
        UsageError: half of a model is named, or one that isn't defined.
        ModelError: it can't be reached.
        RepositoryError: the tree can't be read.
        StoreError: the record can't be written.
    """
    async with open_summariser(work.repository, work.options, work.user, work.events) as asker:
        if asker is None:
            return Stepped(note="no reader model is named")
        with open_index(work.repository.folder) as index:
            tree = Tree(work.repository, work.commit, await work.repository.tree_of(work.commit), index)
            made = await summarise(tree, await _surveyed(work, index), asker, work.until)
    return _told(made, asker)


def _told(made: Summarised, asker: Asker) -> Stepped:
    parts = [f"{made.done + made.kept:,} files summarised; {asker.ledger.spent.tokens:,} tokens in all"]
    if made.unclear:
        parts.append(f"of {made.unclear:,} the reader says nothing that can be used")
    if made.left and not asker.ended:
        parts.append(f"{made.left:,} files are left, the same command goes on")
    failed = printable(f"{made.left:,} files are left: {asker.ended}") if made.left and asker.ended else ""
    return Stepped(done=made.done, kept=made.kept, failed=failed, note="; ".join(parts))


async def _surveyed(work: Work, index: Index) -> Surveyed:
    tree = await work.repository.tree_of(work.commit)
    return await survey(work.repository, tree, index, work.events, _STEP)
