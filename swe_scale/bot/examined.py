"""What speaks against delivering an answer, before anything of it is shown to anybody."""

from collections.abc import Iterable

from swe_scale.bot.handover import Handover
from swe_scale.bot.rebase import Rebased, rebased
from swe_scale.bot.rules import Objection, lifted_only, objections
from swe_scale.bot.secrets import Secrets
from swe_scale.errors import PatchError
from swe_scale.records import Changes, File, Record
from swe_scale.repo import Repository

_MOST_SHOWN = 5
_LONGEST_PATCH = 8 << 20
"""Characters; what adds so much isn't delivered, and searching it would take minutes."""


class Terms(Record):
    """Under which conditions a patch becomes a pull request."""

    branch: str
    """To which it is delivered."""
    allow_workflows: bool = False
    min_confidence: float = 0.0


class Withheld(Record):
    """A patch that may not become a pull request."""

    reason: str
    shown: bool = True
    """Whether it may be shown to who wants to look at it."""


async def examined(
    handover: Handover, terms: Terms, repository: Repository, secrets: Secrets
) -> Rebased | Withheld:
    """Return the patch on its branch as that is now, or why it may not be delivered.

    Raises:
        RepositoryError: the commit that it was judged on isn't in the repository.
    """
    if handover.patch is None:
        return Withheld(reason="")
    if len(handover.patch) > _LONGEST_PATCH:
        return Withheld(reason=f"The patch is longer than {_LONGEST_PATCH >> 20} MiB.", shown=False)
    if exposed := secrets.found(handover.patch):
        return _exposing(exposed)
    if handover.confidence < terms.min_confidence:
        return Withheld(reason=f"That is below the {terms.min_confidence:g} that is asked for.")
    try:
        made = await rebased(repository, handover.patch, handover.base_commit, terms.branch)
        # What a binary patch brings can't be seen in its text.
        if exposed := await _brought(made, repository, secrets):
            return _exposing(exposed)
        return await objection_to(made, terms, repository) or made
    except PatchError as error:
        return Withheld(reason=f"The patch can't be delivered: {error}")


def _exposing(exposed: Iterable[str]) -> Withheld:
    return Withheld(reason=f"The patch holds what looks like a secret: {', '.join(exposed)}.", shown=False)


async def _brought(made: Rebased, repository: Repository, secrets: Secrets) -> tuple[str, ...]:
    """Return what looks like a secret in the files that a patch changes, and wasn't there before."""
    changes = await repository.changes(made.old, made.tree)
    before = await repository.read(made.old, changes)

    def found(data: bytes) -> tuple[str, ...]:
        return secrets.found(data.decode("utf-8", "replace"))

    new = (
        set(found(file.data)) - set(found(before.get(path, b""))) for path, file in changes.items() if file
    )
    return tuple(sorted({*(one for each in new for one in each), *secrets.found("\n".join(changes))}))


async def objection_to(made: Rebased, terms: Terms, repository: Repository) -> Withheld | None:
    """Return why a change may not be delivered, by what it changes; None if it may.

    Raises:
        PatchError: it changes a submodule.
    """
    changes = await repository.changes(made.old, made.tree)
    if not changes:
        return Withheld(reason=f"It changes nothing any more: `{terms.branch}` has it already.")
    found = objections(await _before(repository, made.old, changes), changes)
    left = tuple(one for one in found if not (one.lifted and terms.allow_workflows))
    return Withheld(reason=_worded(left)) if left else None


async def _before(repository: Repository, tree: str, changes: Changes) -> dict[str, File]:
    modes = {entry.path: entry.mode for entry in await repository.files(tree) if entry.path in changes}
    texts = await repository.read(tree, changes)
    return {path: File.model_validate({"mode": modes[path], "data": data}) for path, data in texts.items()}


def _worded(found: tuple[Objection, ...]) -> str:
    lines = [f"{one.path}: {one.reason}" if one.path else one.reason for one in found[:_MOST_SHOWN]]
    more = f"; and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    hint = " With `--allow-workflows` it would be delivered." if lifted_only(found) else ""
    return f"It isn't delivered: {'; '.join(lines)}{more}.{hint}"
