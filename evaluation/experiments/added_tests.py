"""Whether developers' own tests are found to show their issues: beside the true patch, and beside wrong ones.

A pull request of the bot's brings a test only if it fails without the patch and passes with it, and loses
none that is there (`swe_scale.reproduction`). Here the tests are those that the developers wrote for the
issue, so that they should be accepted beside the true patch; beside a recorded patch that doesn't resolve the
issue, at least one of them fails, so that they should be refused. No model is asked.

`python evaluation/experiments/added_tests.py --data DATA --repos REPOS --rows FILE` prints the figures. The
images are those of `testbed_images.py`.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
from real_matrices import SEED, ready_image
from testbed_rows import Row, candidates, drawn, repository_of, runnable_rows

from swe_scale.checks import Cells
from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Docker, Limits
from swe_scale.environment import Options, prepare
from swe_scale.errors import PatchError
from swe_scale.events import Events
from swe_scale.patch import touched
from swe_scale.repo import Repository
from swe_scale.reproduction import Showing
from swe_scale.sandbox import open_backend
from swe_scale.statistics import wilson
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store
from swe_scale.swebench.images import search_path_of, tree_in
from swe_scale.trees import Trees

_WRONG = 2
"""Recorded patches that don't resolve the issue, per row, at most."""
_SECONDS = 120.0
"""Of one run of the tests."""


def wrong(data: Path, row: Row) -> list[str]:
    """Return recorded patches of a row that don't resolve it and leave its tests alone, drawn by lot."""
    tests = set(touched(row["test_patch"]))
    failed = [one for one in candidates(data, {row["instance_id"]}) if not one.resolved]
    apart = [one for one in failed if not tests & set(touched(one.patch))]
    return [one.patch for one in drawn(apart, _WRONG, SEED)]


async def shown(row: Row, patches: list[str], repos: Path) -> list[dict[str, Any]]:
    """Return what the developers' tests show of each patch."""
    image = ready_image(row)
    options = Options(image=image, workdir=tree_in(image), path=search_path_of(image))
    limits = Limits(seconds=_SECONDS)
    async with AsyncExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        repository = await Repository.open(str(repository_of(repos, row["repo"])), folder / "store")
        commit = await repository.resolve(row["base_commit"])
        trees = Trees(repository, await repository.tree_of(commit))
        store = await held.enter_async_context(open_store(folder / "run"))
        events = Events()
        backend = await held.enter_async_context(open_backend(Docker(), "experiment", events))
        environment = await prepare(backend, repository, commit, options, events)
        template = await held.enter_async_context(backend.open(environment))
        cache = held.enter_context(VerdictCache(folder / "cache"))
        cells = Cells(
            "row", environment, template, Steps(store), cache, events, limits, anyio.CapacityLimiter(2), trees
        )
        showing = Showing(cells, trees, _SECONDS)
        return [await _said(showing, trees, patch, row["test_patch"]) for patch in patches]


async def _said(showing: Showing, trees: Trees, patch: str, tests: str) -> dict[str, Any]:
    try:
        tree = trees.base
        for text in (patch, tests):
            tree = await trees.repository.apply(tree, text)
    except PatchError as error:
        return {"tests": [], "fault": f"can't be applied: {error}"}
    found = await showing.of(tree)
    return {"tests": list(found.tests), "fault": found.fault}


def rows(data: Path, repos: Path) -> Iterator[dict[str, Any]]:
    """Yield what comes of each row: of the true patch first, then of wrong ones."""
    for row in runnable_rows(data):
        true, *others = anyio.run(shown, row, [row["patch"], *wrong(data, row)], repos)
        yield {"instance": row["instance_id"], "true": true, "wrong": others}


def figures(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how often tests were accepted beside the true patch, and beside a wrong one."""
    right = [bool(one["true"]["tests"]) for one in found]
    others = [bool(each["tests"]) for one in found for each in one["wrong"]]
    ours, baseline = wilson(sum(right), len(right)), wilson(sum(others), len(others))
    figure = {
        "name": "developers' tests accepted beside the true patch; beside a patch that resolves nothing",
        "ours": ours.share, "baseline": baseline.share, "unit": "share of issues; of patches",
        "ratio": ours.share / baseline.share if baseline.share else None,
        "interval": list(ours.interval), "of_baseline": list(baseline.interval),
        "issues": len(right), "patches": len(others), "goal": None, "met": None,
    }  # fmt: skip
    refused = {one["instance"]: one["true"]["fault"] for one in found if not one["true"]["tests"]}
    taken = [one["instance"] for one in found for each in one["wrong"] if each["tests"]]
    return {"figures": [figure], "refused": refused, "accepted_beside_a_wrong_one": taken}


def main() -> None:
    """Print the figures; what came of each issue goes to a file, from which they can be made again."""
    parser = argparse.ArgumentParser(description="Holds developers' tests against true and wrong patches.")
    parser.add_argument("--data", type=Path, help="the development data")
    parser.add_argument("--repos", type=Path, help="repositories as OWNER+NAME/repo")
    parser.add_argument("--rows", type=Path, required=True, help="what came of each issue, made if need be")
    given = parser.parse_args()
    if not given.rows.exists():
        if given.data is None or given.repos is None:
            parser.error("name --data and --repos, or --rows that are there")
        with given.rows.open("w", encoding="utf-8") as file:
            for one in rows(given.data, given.repos.resolve()):
                print(json.dumps(one), file=file, flush=True)
    found = [json.loads(line) for line in given.rows.read_text(encoding="utf-8").splitlines()]
    json.dump(figures(found), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
