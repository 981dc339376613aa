"""A change in the project's own manner of writing: title, message, description, entry in the changelog."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from swe_scale.bot.handover import Handover
from swe_scale.bot.rebase import Rebased
from swe_scale.house.base import LARGEST, Base, files_that_tell
from swe_scale.house.change import Change
from swe_scale.house.changelogs import NO_CHANGELOG
from swe_scale.house.manner import PAST, Manner, manner_of
from swe_scale.house.messages import Identity
from swe_scale.records import File
from swe_scale.repo import Repository

MADE_BY = (
    "Made by swe-scale: language models wrote several patches, and running them told which one is proposed."
)


@dataclass(frozen=True, slots=True)
class Words:
    """How a change is told."""

    manner: Manner
    change: Change
    signer: Identity | None

    @property
    def title(self) -> str:
        """Of the pull request, and the first line of the commit."""
        return self.manner.title(self.change)

    @property
    def message(self) -> str:
        """Of the commit."""
        return self.manner.message(self.change, self.signer).text

    @property
    def lacks(self) -> tuple[str, ...]:
        """What the project wants of a commit, and this one hasn't."""
        return self.manner.message(self.change, self.signer).lacks

    def description(self, tested: str) -> str:
        """Return the text of the pull request, with how it was tested."""
        return self.manner.description(self.change, tested, MADE_BY)


async def words_of(
    repository: Repository, made: Rebased, handover: Handover, number: int, signer: Identity | None
) -> Words:
    """Return how a change is told where it is delivered.

    Args:
        repository: with the history of the commit that it is delivered on.
        made: the change.
        handover: of which nothing is trusted.
        number: of the issue.
        signer: who signs it off; None if nobody does.

    Raises:
        RepositoryError: the tree can't be read.
    """
    paths = tuple(entry.path for entry in await repository.files(made.old))
    changed = tuple(await repository.changes(made.old, made.tree))
    contents = await repository.read(made.old, files_that_tell(paths, changed), LARGEST)
    # Those of bots are left out.
    past = await repository.past(made.parent, 2 * PAST)
    change = Change(
        summary=handover.words.summary or handover.title,
        paragraph=handover.words.paragraph,
        issue=number,
        paths=changed,
        written=datetime.fromtimestamp(handover.seconds, UTC),
    )
    return Words(manner_of(Base(paths, contents), past), change, signer)


async def with_changelog(repository: Repository, made: Rebased, words: Words) -> Rebased:
    """Return a change with the entry in the changelog that the project wants of it, and a note on that.

    Raises:
        RepositoryError: the tree can't be written.
    """
    entry = words.manner.changelog(words.change)
    if entry.reason == NO_CHANGELOG:
        return made
    if entry.edit is None:
        return replace(made, notes=(*made.notes, f"No entry in a changelog: {entry.reason}."))
    changes = await repository.changes(made.old, made.tree)
    if entry.edit.path in changes:
        return made
    modes = {one.path: one.mode for one in await repository.files(made.old)}
    mode = modes.get(entry.edit.path, "100644")
    file = File.model_validate({"mode": mode, "data": entry.edit.data})
    tree = await repository.write_tree(made.tree, {entry.edit.path: file})
    note = f"Its entry in the changelog ({entry.edit.path}) was added without a model; no check ran with it."
    return replace(made, tree=tree, notes=(*made.notes, note))
