"""Whether checks execute what candidates change, found out by real runs in real sandboxes."""

import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sandbox_kit import configured
from solving_kit import Desk, Spoken, made, open_desk

from swe_scale.config import Limits
from swe_scale.judging import Judging
from swe_scale.ranking import OWN_RULES, Evidence
from swe_scale.reach import Lines, Reaching
from swe_scale.reach.tracing import parts, read_lines
from swe_scale.records import BASE, Candidate, Changes, Check, Execution, File, Trajectory
from swe_scale.regression.neighbours import Neighbours

pytestmark = pytest.mark.anyio
SOURCE = """\
\"\"\"Figures of lists.\"\"\"

import math


def mean(values):
    return sum(values) / len(values)


def spread(values):
    if not values:
        return 0.0
    return max(values) - min(values)
"""
FILES = {
    "figures/__init__.py": b"",
    "figures/lists.py": SOURCE.encode(),
    "figures/names.py": b"NAMES = ['mean', 'spread']\n",
    "figures/names.txt": b"mean\nspread\n",
    "README.md": b"Figures.\n",
    "swe-scale.toml": b"[environment]\nsetup = []\n",
}
HEAD = "import sys\nfrom figures.lists import mean, spread\n"


def check(script: str, author: int | None = None, language: str = "python") -> Check:
    return Check.of(script, "reproduction", author=author, language=language)


MEAN = check(f"{HEAD}try:\n    mean([])\nexcept ZeroDivisionError:\n    sys.exit(42)\n")
"""Fails on the untouched code, and executes `mean`."""
SPREAD = check(f"{HEAD}assert spread([1, 3]) == 2\n")
"""Passes there, and executes the end of `spread`."""
NAMES = check("from figures.names import NAMES\nassert 'mean' in NAMES\n")
"""Passes there, and executes no figure."""
APART = check(
    "import subprocess, sys\n"
    "ran = subprocess.run([sys.executable, '-c', 'from figures.lists import mean; mean([1])'])\n"
    "sys.exit(ran.returncode)\n"
)
"""Executes `mean` in another interpreter."""
TIME = check("import time\nfrom figures import lists\ntime.sleep(60)\n")


@asynccontextmanager
async def desk_of(folder: Path, kind: str = "local", seconds: float = 60.0) -> AsyncIterator[Desk]:
    limits = Limits(seconds=seconds)
    async with open_desk(folder, Spoken({}), files=FILES, sandbox=configured(kind), limits=limits) as desk:
        yield desk


async def candidate(desk: Desk, changes: Changes, author: int = 1) -> Candidate:
    tree = await desk.trees.write(desk.trees.base, changes)
    return Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(author,))


def edited(path: str, *edits: tuple[str, str]) -> Changes:
    text = FILES[path].decode()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return {path: File(mode="100644", data=text.encode())}


def new(path: str, text: str = "") -> Changes:
    return {path: File(mode="100644", data=text.encode())}


IN_MEAN = edited("figures/lists.py", ("/ len(values)", "/ max(1, len(values))"))
IN_SPREAD = edited("figures/lists.py", ("        return 0.0", "        return 0"))


async def reached(desk: Desk, one: Check, changes: Changes) -> str:
    asked = await Reaching(Lines(desk.setting.cells)).ask([one], [known := await candidate(desk, changes)])
    return asked[one.id, known.id]


@pytest.mark.parametrize("kind", ["local", "bubblewrap"])
async def test_a_check_is_traced_once_wherever_it_runs(tmp_path: Path, kind: str) -> None:
    async with desk_of(tmp_path, kind) as desk:
        mean, spread = await candidate(desk, IN_MEAN), await candidate(desk, IN_SPREAD)
        checks = [MEAN, SPREAD, NAMES, APART]
        asked = await Reaching(Lines(desk.setting.cells)).ask(checks, [mean, spread])
        assert {one.id: (asked[one.id, mean.id], asked[one.id, spread.id]) for one in checks} == {
            MEAN.id: ("executes", "misses"),
            SPREAD.id: ("misses", "misses"),
            NAMES.id: ("misses", "misses"),
            APART.id: ("executes", "misses"),
        }
        assert desk.steps.made == len(checks)
        assert await Reaching(Lines(desk.setting.cells)).ask(checks, [mean, spread]) == asked
        assert desk.steps.made == len(checks)
    # Another process goes on with the same run, and another run finds what is kept.
    async with desk_of(tmp_path, kind) as desk:
        assert await Reaching(Lines(desk.setting.cells)).ask(checks, [mean, spread]) == asked
        assert desk.steps.made == 0
