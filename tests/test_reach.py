"""Whether checks execute what candidates change, found out by real runs in real sandboxes."""

import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from sandbox_kit import configured
from solving_kit import Desk, Spoken, check_by, made, open_desk, verdict
from solving_kit import candidate as candidate_of

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.judging import Judging
from swe_scale.ranking import OWN_RULES, Evidence
from swe_scale.ranking.worth import EVERYTHING
from swe_scale.reach import Lines, Reaching
from swe_scale.reach.tracing import read_lines
from swe_scale.records import (
    BASE,
    Candidate,
    Changes,
    Check,
    Execution,
    File,
    Reach,
    Trajectory,
)
from swe_scale.regression.neighbours import Neighbours
from swe_scale.retry import without_waiting
from swe_scale.sandbox import Sandbox, Template
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store

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


def edited(path: str, *edits: tuple[str, str]) -> dict[str, File | None]:
    text = FILES[path].decode()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return {path: File(mode="100644", data=text.encode())}


def new(path: str, text: str = "") -> dict[str, File | None]:
    return {path: File(mode="100644", data=text.encode())}


IN_MEAN = edited("figures/lists.py", ("/ len(values)", "/ max(1, len(values))"))
IN_SPREAD = edited("figures/lists.py", ("        return 0.0", "        return 0"))


@dataclass
class Counted:
    """A template that counts its sandboxes, of which the first ones are lost."""

    inner: Template
    lost: int = 0
    forks: int = 0

    def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AbstractAsyncContextManager[Sandbox]:
        self.forks += 1
        if self.forks <= self.lost:
            raise SandboxError("the container is gone")
        return self.inner.fork(limits, socket)


async def reached(desk: Desk, one: Check, changes: Changes) -> str:
    asked = await Reaching(Lines(desk.setting.cells)).ask([one], [known := await candidate(desk, changes)])
    return asked[one.id, known.id]


@pytest.mark.parametrize("kind", ["local", "bubblewrap", "docker"])
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


@pytest.mark.parametrize(
    ("one", "changes", "expected"),
    [
        pytest.param(MEAN, new("figures/other.py"), "unknown", id="a file is added"),
        pytest.param(MEAN, IN_MEAN | new("figures/other.py"), "executes", id="a file is added beside"),
        pytest.param(SPREAD, IN_MEAN | new("tests/test_other.py"), "misses", id="a test is added beside"),
        pytest.param(SPREAD, IN_MEAN | new("README.md"), "misses", id="documentation is changed beside"),
        pytest.param(SPREAD, IN_MEAN | new("figures/names.txt"), "unknown", id="data is changed beside"),
        pytest.param(SPREAD, {"figures/names.py": None}, "misses", id="a file is removed"),
        pytest.param(NAMES, {"figures/names.py": None}, "executes", id="a file that is used is removed"),
        pytest.param(
            check("import inspect\nfrom figures.lists import spread\ninspect.getsource(spread)\n"),
            IN_MEAN, "unknown", id="reads the file",
        ),
        pytest.param(
            check("open('README.md').read()\nfrom figures import names\n"),
            edited("figures/names.py", ("'mean'", "'median'")) | new("README.md"),
            "executes", id="reads documentation",
        ),
        pytest.param(
            check("open('README.md').read()\n"), IN_MEAN | new("README.md"), "unknown",
            id="reads documentation alone",
        ),
        pytest.param(
            check(f"{HEAD}import subprocess\nsubprocess.run('true', shell=True)\n"), IN_MEAN, "unknown",
            id="a process that isn't followed",
        ),
        pytest.param(check(f"{HEAD}import os\nos._exit(0)\n"), IN_MEAN, "unknown", id="ends at once"),
        pytest.param(
            check(f"{HEAD}import os\nmean([1])\nos._exit(0)\n"), IN_MEAN, "executes", id="and executes it"
        ),
        pytest.param(check("exit 0\n", language="sh"), IN_MEAN, "unknown", id="another language"),
        pytest.param(check("syntax error\n"), IN_MEAN, "unknown", id="no script at all"),
        pytest.param(check("def f(:\n\udc80"), IN_MEAN, "unknown", id="no text at all"),
        pytest.param(check("print('x' * 9_000_000)\n"), IN_MEAN, "misses", id="says much"),
    ],
)  # fmt: skip
async def test_what_a_check_reaches(tmp_path: Path, one: Check, changes: Changes, expected: str) -> None:
    async with desk_of(tmp_path) as desk:
        assert await reached(desk, one, changes) == expected


async def test_a_traced_run_ends_with_the_time_of_any_cell(tmp_path: Path) -> None:
    async with desk_of(tmp_path, "bubblewrap", seconds=1.0) as desk:
        found = await Lines(desk.setting.cells).of(TIME)
        assert (found.why, [*found.lines]) == ("the time was over", ["figures/lists.py"])
        assert await reached(desk, TIME, IN_MEAN) == "unknown"
        made = desk.steps.made
        known = await candidate(desk, IN_MEAN)
        asked = await Reaching(Lines(desk.setting.cells)).ask([NAMES], [known], hanging=[NAMES.id])
        assert (asked, desk.steps.made) == ({(NAMES.id, known.id): "unknown"}, made)


async def in_another_run(desk: Desk, folder: Path, one: Check, limits: Limits) -> int:
    """Return how often another run with the same cache has to start a sandbox."""
    cells = desk.setting.cells
    template = Counted(cells.template)
    with VerdictCache(folder / "cache") as cache:
        async with open_store(folder / uuid4().hex) as store:
            other = replace(cells, template=template, steps=Steps(store), cache=cache, limits=limits)
            await Lines(other).of(one)
    return template.forks


async def test_what_was_traced_is_kept_across_runs_unless_the_time_was_over(tmp_path: Path) -> None:
    limits = Limits(seconds=60)
    async with desk_of(tmp_path) as desk:
        assert [await in_another_run(desk, tmp_path, MEAN, limits) for _ in range(3)] == [1, 0, 0]
        assert await in_another_run(desk, tmp_path, MEAN, Limits(seconds=59)) == 1
        brief = Limits(seconds=0.5)
        assert [await in_another_run(desk, tmp_path, TIME, brief) for _ in range(2)] == [1, 1]


async def test_a_sandbox_that_fails_says_nothing_and_is_tried_again(tmp_path: Path) -> None:
    async with desk_of(tmp_path) as desk:
        cells = desk.setting.cells
        with without_waiting():
            found = await Lines(replace(cells, template=Counted(cells.template, lost=5))).of(MEAN)
            assert (found.why, desk.steps.made) == ("the sandbox failed", 0)
            dead = replace(cells, template=Counted(cells.template, lost=99))
            with pytest.raises(SandboxError):
                await Lines(dead).of(MEAN)
            passing = Reaching(Lines(replace(cells, template=Counted(cells.template, lost=5))))
            known = await candidate(desk, IN_MEAN)
            asked = [(await passing.ask([MEAN], [known]))[MEAN.id, known.id] for _ in range(2)]
            assert asked == ["unknown", "executes"]


HOSTILE = """\
import os
from figures import lists
place = os.environ["PYTHONPATH"].split(os.pathsep)[0] + "/executed"
rows = [
    b"7\\t../../etc/passwd", b"7\\t/etc/passwd", b"7\\tfigures/../figures/lists.py", b"-3\\t/etc/passwd",
    b"7\\tnowhere.py", b"0\\tfigures/lists.py", b"-99\\tfigures/lists.py", b"99999999999\\tfigures/lists.py",
    b"7\\t", b"\\t\\t\\t", b"\\xff\\xfe\\t\\x00", b"seven\\tfigures/lists.py", b"7 figures/lists.py",
    b"\\x00" * 5000,
]
with open(place, "ab") as file:
    file.write(b"\\n" + b"\\n".join(rows) + b"\\n")
    %s
"""


async def test_a_hostile_check_can_at_most_say_that_all_was_executed(tmp_path: Path) -> None:
    inside = {*FILES}
    async with desk_of(tmp_path, "bubblewrap") as desk:
        lines = Lines(desk.setting.cells)
        found = await lines.of(check(HOSTILE % "pass"))
        assert (set(found.lines), found.read, found.why) == ({"figures/lists.py"}, (), "")
        # More than is read, and no end of it.
        found = await lines.of(check(HOSTILE % "file.write(b'7\\tfigures/lists.py\\n' * 2_000_000)"))
        assert set(found.lines) <= inside and found.why
        assert len(found.model_dump_json()) < 1000
        # The file is gone, or is a folder, a link to another place, or the pipe that nobody fills.
        for end in (
            "os.remove(place)",
            "os.remove(place); os.mkdir(place)",
            "os.remove(place); os.mkfifo(place)",
        ):
            found = await lines.of(check(HOSTILE % end))
            assert set(found.lines) <= inside and found.why, end
        found = await lines.of(check(HOSTILE % "os.remove(place); os.symlink('/etc/passwd', place)"))
        assert set(found.lines) <= inside and found.why


def test_a_trace_that_is_cut_is_not_believed_whole() -> None:
    ended = Execution(exit_code=0, output="")
    begun = b"-6\t5\n"
    whole = begun + b"7\ta.py\n8\ta.py\n11\ta.py\n-3\tb.txt\n-7\t5\n"
    found = read_lines(whole, ended, {"a.py", "b.txt"})
    assert (found.lines, found.read, found.why) == ({"a.py": ((7, 8), (11, 11))}, ("b.txt",), "")
    for data in (b"", whole[6:], begun + b"7\ta.py\n", begun + b"-6\t6\n-7\t6\n", whole + b"-1\tdisplaced\n"):
        assert read_lines(data, ended, {"a.py"}).why
    assert (
        read_lines(whole, ended.model_copy(update={"timed_out": True}), {"a.py"}).why == "the time was over"
    )
    assert read_lines(begun + b"1\ta.py\n" * 300_000 + b"-7\t5\n", ended, {"a.py"}).why


async def trajectory(desk: Desk, index: int, changes: Changes, one: Check | None = None) -> Trajectory:
    tree = await desk.trees.write(desk.trees.base, changes)
    return made(index, tree, await desk.trees.patch(tree), one)


LENGTH = len(edited("figures/lists.py", ("return 0.0", "return 0.00"))["figures/lists.py"].data)  # type: ignore[union-attr]
BY_SIZE = check(
    f"import os, sys\nsys.exit(0 if os.stat('figures/lists.py').st_size == {LENGTH} else 42)\n", author=1
)
"""Fails on the untouched code and executes nothing of it."""


async def test_what_is_judged_tells_which_checks_reach_it(tmp_path: Path) -> None:
    async with desk_of(tmp_path) as desk:
        one = await trajectory(desk, 1, IN_MEAN, BY_SIZE)
        odd = edited("figures/lists.py", ("return 0.0", "return 0.00"))
        two = await trajectory(desk, 2, odd, MEAN.model_copy(update={"author": 2}))
        three = await trajectory(desk, 3, IN_MEAN, SPREAD.model_copy(update={"author": 3}))
        cells = desk.setting.cells
        judging = Judging(
            cells, desk.trees, Neighbours(cells, desk.trees, 0.0), EVERYTHING, reaching=Reaching(Lines(cells))
        )
        await judging.judge((one, two, three), math.inf)
        told = judging.evidence
        assert told.reach[MEAN.id, one.tree] == "executes"
        assert told.outcomes.of(two.tree, BY_SIZE.id) == "pass" and told.doubtful(two.tree, BY_SIZE.id)
        assert told.outcomes.of(one.tree, SPREAD.id) == "pass" and told.unreached(one.tree, SPREAD.id)
        assert not told.doubtful(one.tree, SPREAD.id)
        # A fail stands, whatever is executed.
        assert told.outcomes.of(one.tree, BY_SIZE.id) == "fail" and not told.unreached(one.tree, BY_SIZE.id)
        blind = replace(told, reach={})
        for name, rule in OWN_RULES.items():
            before, after = rule(blind).ranked, rule(told).ranked
            places = [(one.candidate, one.votes, one.of) for one in before]
            if name not in ("raw", "foreign", "cautious", "latent"):
                assert [(one.candidate, one.votes, one.of) for one in after] == places, name
            reasons = {one.candidate: "; ".join(one.reasons) for one in after}
            assert "doubtful: passes 1 of the checks that fail without it" in reasons[two.tree], name
            assert "doubtful" not in reasons[one.tree]
        reason = {one.candidate: one.reasons[0] for one in OWN_RULES["raw"](told).ranked}
        assert reason == {one.tree: "passes 1 of 2 checks", two.tree: "passes 1 of 2 checks"}
        # Asked again, nothing is traced again.
        count = desk.steps.made
        await judging.judge((one, two, three), math.inf)
        assert (desk.steps.made, judging.evidence) == (count, told)


def test_latent_counts_what_is_not_executed_as_nothing() -> None:
    two = candidate_of("a", [1], "x = 1"), candidate_of("b", [2], "y = 2")
    checks = [check_by(author) for author in (3, 4, 5)]
    said = [verdict(name, one, "fail") for one in checks for name in (BASE, "b")]
    said += [verdict("a", one, "pass") for one in checks]
    told = Evidence(two, {"a": "a", "b": "b"}, tuple(checks), tuple(said))
    unreached: dict[tuple[str, str], Reach] = {(one.id, "a"): "misses" for one in checks}
    unread = Evidence(two, told.forms, told.checks, tuple(one for one in said if one.candidate != "a"))
    found, blind = OWN_RULES["latent"](replace(told, reach=unreached)), OWN_RULES["latent"](told)
    assert blind.ranked[0].posterior > found.ranked[0].posterior
    right = {one.candidate: one.posterior for one in found.ranked}
    assert right == {one.candidate: one.posterior for one in OWN_RULES["latent"](unread).ranked}
    known: dict[tuple[str, str], Reach] = {(one.id, "a"): "unknown" for one in checks}
    assert OWN_RULES["latent"](replace(told, reach=known)) == blind
    assert OWN_RULES["latent"](replace(told, reach=dict.fromkeys(known, "executes"))) == blind
