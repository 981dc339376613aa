"""Surveys a tree in a process of its own (SOURCE KEPT COMMIT) and tells what came of it."""

import json
import sys
from functools import partial
from pathlib import Path

import anyio
from context_kit import found, issue

from swe_scale.context.index import open_index
from swe_scale.context.survey import Surveyed, survey
from swe_scale.events import Events
from swe_scale.records import Context
from swe_scale.repo import Repository


async def surveyed(source: Path, kept: Path, commit: str) -> Surveyed:
    """Survey the tree of a commit; the index is kept with the repository."""
    repository = await Repository.open(str(source), kept)
    tree = await repository.tree_of(await repository.resolve(commit))
    with open_index(repository.folder) as index:
        return await survey(repository, tree, index, Events(), "i/context")


async def ranked(source: Path, commit: str) -> Context:
    """Return a context, found with the index that is kept beside the source."""
    return await found(issue("`load_account_0` fails", "It returns the default."), source, commit, 8_000)


if __name__ == "__main__":
    place, kept, commit = sys.argv[1:]
    told = anyio.run(partial(surveyed, Path(place), Path(kept), commit))
    print(json.dumps({"files": len(told.files), "fresh": told.fresh}))
