"""What was found out of a repository's tests serves later runs, on this commit and on others."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from git_kit import Kit
from sandbox_kit import configured
from solving_kit import Desk, Spoken, open_desk

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Limits
from swe_scale.environment import Options, prepare
from swe_scale.events import Event, Events
from swe_scale.records import Candidate, File
from swe_scale.regression.known_tests import KnownTests, open_known_tests
from swe_scale.regression.neighbours import Neighbours
from swe_scale.regression.preparing import Tally, prepare_tests, to_try
from swe_scale.regression.trying import Trials
from swe_scale.repo import Repository
from swe_scale.sandbox import open_backend

pytestmark = pytest.mark.anyio

CALC = "def add(a, b):\n    return a + b\n"
CASE = (
    "import unittest\nfrom {module} import {name}\n\n"
    "class A(unittest.TestCase):\n    def test_a(self):\n        {name}({given})\n"
)
FILES = {
    "calc.py": CALC,
    "halves.py": "def half(a):\n    return a // 2\n",
    "tests/__init__.py": "",
    "tests/test_calc.py": CASE.format(module="calc", name="add", given="1, 2"),
    "tests/test_halves.py": CASE.format(module="halves", name="half", given="4"),
    "README.md": "A project.\n",
    "swe-scale.toml": "[environment]\nlanguage = 'python'\nsetup = []\n"
    "test = 'python3 -m unittest {tests}'\n",
}


@dataclass
class Found:
    """What came of preparing one commit."""

    tally: Tally
    tried: list[str]
    known: KnownTests


async def prepared(folder: Path, kind: str, given: Mapping[str, str]) -> Found:
    """Commit these files and prepare what is known of their tests."""
    kit = Kit.__new__(Kit)
    kit.folder = folder / "source"
    if not kit.folder.exists():
        kit = Kit(kit.folder)
    kit.commit({path: text.encode() for path, text in given.items()})
    repository = await Repository.open(str(kit.folder), folder / "store")
    commit = await repository.resolve()
    heard: list[Event] = []
    events = Events([heard.append])
    async with open_backend(configured(kind), "tests", events) as backend:
        environment = await prepare(backend, repository, commit, Options(), events)
        async with backend.open(environment) as template:
            with VerdictCache(folder / "cache") as cache:
                trials = Trials(
                    environment, template, environment.test_command or "", Limits(seconds=60.0),
                    anyio.CapacityLimiter(2), cache,
                )  # fmt: skip
                known = await open_known_tests(trials, repository, await repository.tree_of(commit))
                paths = sorted(path for path in FILES if "/test_" in path)
                tally = await prepare_tests(known, paths, events)
    tried = [one.text.split(":")[0] for one in heard if " test files)" in one.text]
    return Found(tally, sorted(tried), known)


@pytest.mark.parametrize("kind", ["local", pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)])
async def test_a_commit_has_tried_what_it_changes_and_nothing_else(tmp_path: Path, kind: str) -> None:
    first = await prepared(tmp_path, kind, FILES)
    assert first.tried == ["tests/test_calc.py", "tests/test_halves.py"]
    again = await prepared(tmp_path, kind, {})
    assert (again.tried, again.tally.kept) == ([], 2)
    prose = await prepared(tmp_path, kind, {"README.md": "Another text.\n"})
    assert (prose.tried, prose.tally.kept) == ([], 2)
    source = await prepared(tmp_path, kind, {"calc.py": CALC.replace("a + b", "b + a")})
    assert (source.tried, source.tally.kept) == (["tests/test_calc.py"], 1)
    settings = await prepared(tmp_path, kind, {"conftest.py": "x = 1\n"})
    assert len(settings.tried) == 2
    back = await prepared(tmp_path, kind, {"calc.py": CALC})
    assert back.tried == ["tests/test_calc.py"]


async def test_what_a_test_reads_counts_and_what_starts_programs_is_tried_each_time(tmp_path: Path) -> None:
    reading = "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        {line}\n"
    given = {
        **FILES,
        "data.json": "{}",
        "tests/test_calc.py": reading.format(line="open('data.json').close()"),
        "tests/test_halves.py": reading.format(line="import subprocess; subprocess.check_call(['true'])"),
    }
    await prepared(tmp_path, "local", given)
    assert (await prepared(tmp_path, "local", {})).tried == []
    assert (await prepared(tmp_path, "local", {"README.md": "2"})).tried == ["tests/test_halves.py"]
    assert len((await prepared(tmp_path, "local", {"data.json": "[]"})).tried) == 2


async def test_another_version_of_what_is_installed_is_noticed(tmp_path: Path) -> None:
    setup = (
        "d=$(echo $VIRTUAL_ENV/lib/python3*/site-packages)/thing-{n}.dist-info; mkdir -p $d; "
        "printf 'Metadata-Version: 2.1\\nName: thing\\nVersion: {n}\\n' >$d/METADATA"
    )
    state = tmp_path / "version"
    line = setup.replace("{n}", f"$(cat {state})").replace("'", '"')
    toml = FILES["swe-scale.toml"].replace("setup = []", f"setup = ['''{line}''']")
    state.write_text("1")
    await prepared(tmp_path, "local", {**FILES, "swe-scale.toml": toml})
    assert (await prepared(tmp_path, "local", {"README.md": "2"})).tried == []
    state.write_text("2")
    assert len((await prepared(tmp_path, "local", {"README.md": "3"})).tried) == 2


async def test_another_command_knows_nothing_of_it(tmp_path: Path) -> None:
    await prepared(tmp_path, "local", FILES)
    toml = FILES["swe-scale.toml"].replace("unittest ", "unittest -v ")
    assert len((await prepared(tmp_path, "local", {"swe-scale.toml": toml})).tried) == 2


def test_runners_are_given_what_they_take() -> None:
    assert to_try(["a_test.go", "b_test.go", "c/a_test.go"], "go test {tests}") == (
        "a_test.go",
        "c/a_test.go",
    )
    assert to_try(["tests/a.rs"], "cargo test") == ("(all tests)",)
    assert to_try(["test_a.py", "test_$(x).py"], "pytest") == ("test_a.py",)
    assert to_try([], "cargo test") == ()


PROJECT = {
    "calc.py": CALC,
    "test_calc.py": "import calc\ndef test_add():\n    assert calc.add(1, 2) == 3\n",
    "test_calc_two.py": "import calc\ndef test_add():\n    assert calc.add(1, 3) == 4\n",
    "swe-scale.toml": f"[environment]\nsetup = []\ntest = '{sys.executable} -m pytest'\n",
}


@asynccontextmanager
async def counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, more: Mapping[str, str] = {}
) -> AsyncIterator[tuple[Desk, Path]]:
    """Open a desk whose repository's tests leave a mark each time that they are run."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    ran = folder / "ran"
    files = {**PROJECT, "conftest.py": f"open({str(ran)!r}, 'a').write('x')\n", **more}
    async with open_desk(folder, Spoken({}), files={k: v.encode() for k, v in files.items()}) as desk:
        yield desk, ran


async def prepare_desk(desk: Desk) -> Tally:
    cells = desk.setting.cells
    command = cells.environment.test_command or ""
    limits = cells.limits.model_copy(update={"output": 1 << 20})
    trials = Trials(cells.environment, cells.template, command, limits, cells.slots, cells.cache)
    known = await open_known_tests(trials, desk.trees.repository, desk.trees.base)
    paths = sorted(path for path in await desk.trees.paths() if path.startswith("test_"))
    return await prepare_tests(known, paths, cells.events)


async def judged(desk: Desk) -> dict[str, str]:
    """Return what the tests say of a candidate that breaks nothing."""
    new = File(mode="100644", data=CALC.replace("a + b", "b + a").encode())
    tree = await desk.trees.write(desk.trees.base, {"calc.py": new})
    one = Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(1,))
    checks, verdicts = await Neighbours(desk.setting.cells, desk.trees, 60.0).verdicts([one])
    paths = {check.id: check.script for check in checks}
    return {paths[one.check]: one.outcome for one in verdicts}


async def test_a_run_tries_nothing_that_was_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with counted(tmp_path, monkeypatch) as (desk, ran):
        assert (await prepare_desk(desk)).done == 2
        first = len(ran.read_text())
        assert await judged(desk) == {"test_calc.py": "pass", "test_calc_two.py": "pass"}
    # Both together once on the untouched code, and once on the candidate.
    assert len(ran.read_text()) - first == 2


async def test_a_run_s_own_tries_serve_the_next_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with counted(tmp_path, monkeypatch) as (desk, ran):
        await judged(desk)
    first = len(ran.read_text())
    kit = Kit.__new__(Kit)
    kit.folder = tmp_path / "source"
    kit.commit({"README.md": b"New."})
    async with counted(tmp_path, monkeypatch) as (desk, ran):
        assert len(await judged(desk)) == 2
    assert len(ran.read_text()) - first == 2


async def test_a_test_that_was_flaky_stays_out_though_it_passes_twice_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = tmp_path / "at"
    flaky = (
        f"import calc, pathlib\nat = pathlib.Path({str(at)!r})\n"
        "def test_flaky():\n    calc.add(1, 1)\n    before = len(at.read_text()) if at.exists() else 0\n"
        "    at.write_text('x' * (before + 1))\n    assert before != 1\n"
        "def test_sound():\n    assert calc.add(1, 1) == 2\n"
    )
    async with counted(tmp_path, monkeypatch, {"test_calc.py": flaky}) as (desk, _):
        tally = await prepare_desk(desk)
        assert tally.flaky == {"test_calc.py": ("test_calc.py::test_flaky",)}
        assert len(at.read_text()) == 3
        assert (await prepare_desk(desk)).flaky == tally.flaky
        assert (await judged(desk))["test_calc.py"] == "pass"
        assert len(at.read_text()) == 5
        assert any("1 tests are flaky" in text for text in desk.texts("note"))
        assert "2 tests near the change pass on the untouched code" in desk.texts("note")
