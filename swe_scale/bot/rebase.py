"""Puts a patch on its branch as that is now, and says so where it has moved since the patch was judged."""

from dataclasses import dataclass

from swe_scale.errors import PatchError
from swe_scale.repo import Repository

_MOST_READ = 64 << 20
"""Bytes of the files that a patch changes, all in all."""


@dataclass(frozen=True, slots=True)
class Rebased:
    """A patch on the commit that it is delivered on."""

    parent: str
    """Commit."""
    old: str
    """Its tree."""
    tree: str
    """With the patch."""
    notes: tuple[str, ...] = ()
    """What a reader must know of it."""


async def rebased(repository: Repository, patch: str, base_commit: str, branch: str) -> Rebased:
    """Return a patch on the newest commit of a branch, or on the one that it was judged on.

    Args:
        repository: of an address, so that its branches are looked up there.
        patch: as judged.
        base_commit: on which it was judged.
        branch: to which it is delivered.

    Raises:
        PatchError: it doesn't apply where it can be delivered.
        RepositoryError: the branch or the commit isn't there.
    """
    judged = await repository.resolve(base_commit)
    # A tag of the same name is something else.
    head = await repository.resolve(f"refs/heads/{branch}")
    if head == judged:
        return await _on(repository, patch, judged, ())
    held = await repository.descends(head, judged)
    lacks = "has moved since" if held else "does not hold the commit on which"
    moved = f"`{branch}` {lacks} the patch was judged"
    try:
        note = f"{moved} ({judged[:12]}): it applies to {head[:12]} as it is, and wasn't judged there."
        return await _on(repository, patch, head, (note,))
    except PatchError:
        if await _is_there(repository, patch, judged, head):
            tree = await repository.tree_of(head)
            return Rebased(head, tree, tree)
        if not held:
            # A pull request from there would bring whatever else the branch doesn't hold.
            raise
    note = (
        f"{moved} ({judged[:12]}), and it doesn't apply any more: it stands there, with conflicts to solve."
    )
    return await _on(repository, patch, judged, (note,))


async def _is_there(repository: Repository, patch: str, judged: str, head: str) -> bool:
    """Return whether all files that a patch changes are at the head what it makes of them."""
    made = await _on(repository, patch, judged, ())
    changes = await repository.changes(made.old, made.tree)
    there = await repository.read(await repository.tree_of(head), changes)
    return all(there.get(path) == (file.data if file else None) for path, file in changes.items())


async def _on(repository: Repository, patch: str, commit: str, notes: tuple[str, ...]) -> Rebased:
    old = await repository.tree_of(commit)
    tree = await repository.apply(old, patch)
    # A binary patch of a few bytes may stand for gigabytes, which must not be read.
    before = {(one.path, one.blob) for one in await repository.files(old)}
    size = sum(one.size for one in await repository.files(tree) if (one.path, one.blob) not in before)
    if size > _MOST_READ:
        raise PatchError(f"The files that it changes come to {size >> 20} MiB.")
    return Rebased(commit, old, tree, notes)
