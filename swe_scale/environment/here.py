"""Takes the environment that somebody has made ready in the repository's own checkout, as `--here` wants."""

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from swe_scale.environment.proposals import Proposal
from swe_scale.errors import UsageError
from swe_scale.records import HostServer, digest
from swe_scale.repo import Repository
from swe_scale.sandbox import Here
from swe_scale.sandbox.in_place import Products, find_toolchains

_NAMED = 5
"""Files of which a message tells."""
_CONTAINERS = "docker"
_ORIGIN = "--here"


async def here_of(
    repository: Repository, commit: str, sandbox: str, servers: tuple[HostServer, ...] = ()
) -> Here:
    """Return the checkout with what it needs of this host, once it is known to be at a commit.

    Raises:
        UsageError: the repository has no checkout, it is at another commit or was changed, or the sandbox
            can't show it.
        RepositoryError: it can't be read.
        SandboxError: its files can't be read.
    """
    if sandbox == _CONTAINERS:
        raise UsageError("--here uses this host's own programs: it needs --sandbox bubblewrap, not docker.")
    place = repository.worktree
    if place is None:
        raise UsageError("--here needs a checkout on this machine: name its folder as the repository.")
    await _require_commit(repository, commit, place)
    paths = frozenset(entry.path for entry in await repository.files(await repository.tree_of(commit)))
    found = await anyio.to_thread.run_sync(partial(find_toolchains, place, os.environ))
    state = await anyio.to_thread.run_sync(Products(place).state, paths)
    return Here(
        checkout=str(place),
        shown=found.shown,
        variables=found.variables,
        state=digest(state, found.state),
        servers=servers,
    )


async def _require_commit(repository: Repository, commit: str, place: Path) -> None:
    head = await repository.resolve("HEAD")
    if await repository.tree_of(head) != await repository.tree_of(commit):
        raise UsageError(
            f"--here: the checkout {place} is at {head[:12]}, and the issue's base commit is {commit[:12]}.\n"
            f"Check that out (git switch --detach {commit[:12]}) and make it ready, or leave out --here."
        )
    if changed := await repository.changed():
        raise UsageError(
            f"--here: the checkout {place} isn't as at {head[:12]}: {_listed(changed)}.\n"
            "Commit or stash that, or leave out --here."
        )


def _listed(paths: Iterable[str]) -> str:
    first = list(paths)
    more = f" and {len(first) - _NAMED} more" if len(first) > _NAMED else ""
    return ", ".join(first[:_NAMED]) + more


def in_place(way: Proposal, here: Here) -> Proposal:
    """Return the way that uses a checkout as it is: nothing is set up, all else stays as it was said.

    Raises:
        UsageError: a server that runs already and a service of its own would be at the same port.
    """
    declared = {service.port for service in way.recipe.services}
    if twice := next((one for one in here.servers if one.port in declared), None):
        raise UsageError(
            f"--service {twice}: [[environment.services]] declares a server at port {twice.port}, too, and "
            "cells could find only one of them. Leave one out."
        )
    nothing = {"image": None, "build": None, "setup": (), "python": False, "python_version": "", "needs": ()}
    recipe = way.recipe.model_copy(update={**nothing, "here": here, "workdir": here.checkout})
    origins = {name: origin for name, origin in way.origins.items() if name not in nothing}
    return replace(way, recipe=recipe, origins={**origins, "here": _ORIGIN, "workdir": _ORIGIN}, notes=())
