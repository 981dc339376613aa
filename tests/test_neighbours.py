"""The repository's own tests as steps of a run, with sandboxes that get lost."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from solving_kit import Desk, Spoken, open_desk

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Candidate, File
from swe_scale.regression.neighbours import Neighbours
from swe_scale.sandbox import Sandbox

pytestmark = pytest.mark.anyio

PROJECT = {
    "calc.py": b"def add(a, b):\n    return a + b\n",
    "test_calc.py": b"from calc import add\ndef test_add():\n    assert add(1, 1) == 2\n",
    "swe-scale.toml": f"[environment]\nsetup = []\ntest = '{sys.executable} -m pytest'\n".encode(),
}


class Losing:
    """A template that loses some of its sandboxes, by number."""

    def __init__(self, inner: object, lost: range) -> None:
        self.inner, self.lost, self.forks = inner, lost, 0

    @asynccontextmanager
    async def fork(self, limits: Limits | None = None, socket: Path | None = None) -> AsyncIterator[Sandbox]:
        self.forks += 1
        if self.forks in self.lost:
            raise SandboxError("the container is gone")
        async with self.inner.fork(limits) as sandbox:  # type: ignore[attr-defined]
            yield sandbox


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    async with open_desk(tmp_path, Spoken({}), files=PROJECT) as opened:
        yield opened


async def outcomes(desk: Desk, lost: range) -> tuple[list[str], int]:
    """Return the outcomes for one candidate that breaks the test, and how many sandboxes it took."""
    template = Losing(desk.setting.cells.template, lost)
    broken = {"calc.py": File(mode="100644", data=PROJECT["calc.py"].replace(b"+", b"-"))}
    tree = await desk.trees.write(desk.trees.base, broken)
    candidate = Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(1,))
    cells = replace(desk.setting.cells, template=template)
    checks, verdicts = await Neighbours(cells, desk.trees, 60.0).verdicts([candidate])
    assert len(checks) == len(verdicts)
    return [one.outcome for one in verdicts], template.forks


@pytest.mark.parametrize(("lost", "forks"), [(range(0), 4), (range(1, 3), 6), (range(2, 3), 5)])
async def test_a_sandbox_lost_on_the_untouched_code_is_tried_again(
    desk: Desk, lost: range, forks: int
) -> None:
    assert await outcomes(desk, lost) == (["fail"], forks)


async def test_without_a_base_there_is_no_evidence_and_the_run_goes_on(desk: Desk) -> None:
    assert await outcomes(desk, range(1, 4)) == ([], 4)
    assert any("they say nothing: the container is gone" in text for text in desk.texts("note"))
    assert await outcomes(desk, range(0)) == (["fail"], 4)


async def test_a_backend_that_works_no_more_ends_the_run(desk: Desk) -> None:
    with pytest.raises(SandboxError, match="the container is gone"):
        await outcomes(desk, range(1, 99))
