"""Cells are run once, kept, tried again, and believed after control experiments."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from solving_kit import Desk, Spoken, open_desk, ran

from swe_scale.checks import Cells, launching
from swe_scale.checks.cache import VerdictCache
from swe_scale.checks.controls import exiting
from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import BASE, Check, File, Verdict
from swe_scale.retry import without_waiting
from swe_scale.sandbox import Sandbox
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store

pytestmark = pytest.mark.anyio


class Counting:
    """A template that counts its forks, and fails as many of them as it is told."""

    def __init__(self, inner: object, failures: int = 0) -> None:
        self.inner, self.failures, self.forks = inner, failures, 0

    @asynccontextmanager
    async def fork(self, limits: Limits | None = None, endpoint: str | None = None) -> AsyncIterator[Sandbox]:
        self.forks += 1
        if self.forks <= self.failures:
            raise SandboxError("the daemon is gone")
        async with self.inner.fork(limits) as sandbox:  # type: ignore[attr-defined]
            yield sandbox


@pytest.fixture
async def own_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path, Spoken({})) as opened:
        yield opened


def counted(desk: Desk, failures: int = 0, **changes: object) -> tuple[Cells, Counting]:
    template = Counting(desk.setting.cells.template, failures)
    return replace(desk.setting.cells, template=template, **changes), template  # type: ignore[arg-type]


async def test_a_cell_is_run_once_though_asked_for_by_many(own_desk: Desk) -> None:
    cells, template = counted(own_desk)
    check, got = Check.of("exit(42)", "reproduction"), list[Verdict]()

    async def ask() -> None:
        got.append(await cells.verdict(check, BASE))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
    assert len({one.model_dump_json() for one in got}) == template.forks == 1
    assert (await cells.verdict(check, BASE, repeat=1)).outcome == "fail"
    assert template.forks == 2


async def in_another_run(desk: Desk, folder: Path, check: Check, limits: Limits) -> int:
    """Return how often another run must run a check, with the same cache."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(folder))
        cache = stack.enter_context(VerdictCache(desk.setting.cells.cache._file.parent))
        cells, template = counted(desk, steps=Steps(store), cache=cache, limits=limits)
        await cells.verdict(check, BASE)
        return template.forks


async def test_verdicts_are_kept_across_runs_unless_the_time_was_over(own_desk: Desk, tmp_path: Path) -> None:
    limits = Limits(seconds=60)
    quick, slow = Check.of("exit(42)", "reproduction"), Check.of("import time; time.sleep(9)", "reproduction")
    assert [await in_another_run(own_desk, tmp_path / f"{n}", quick, limits) for n in "abc"] == [1, 0, 0]
    assert await in_another_run(own_desk, tmp_path / "d", quick, Limits(seconds=59)) == 1
    brief = Limits(seconds=0.5)
    assert [await in_another_run(own_desk, tmp_path / f"{n}", slow, brief) for n in "ef"] == [1, 1]
    assert await in_another_run(own_desk, tmp_path / "f", slow, brief) == 0


@pytest.mark.parametrize("name", ["JUDGE", "_SHELL_LAUNCHER", "_FIND_PYTHON"])
async def test_no_verdict_outlives_the_way_it_was_come_by(
    own_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    check = Check.of("exit(42)", "reproduction")
    limits = Limits(seconds=60)
    assert await in_another_run(own_desk, tmp_path / "a", check, limits) == 1
    launching.way.cache_clear()
    monkeypatch.setattr(launching, name, getattr(launching, name) + " ")
    assert [await in_another_run(own_desk, tmp_path / place, check, limits) for place in "ab"] == [1, 0]
    launching.way.cache_clear()


async def test_a_cache_that_can_not_be_used_costs_only_time(tmp_path: Path) -> None:
    verdict = Verdict(candidate="c", check="k", outcome="pass", execution=ran())
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with VerdictCache(folder) as cache:
            cache.put("key", verdict)
            assert cache.get("key") is None
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "verdicts.sqlite").write_bytes(b"no database at all" * 99)
    with VerdictCache(tmp_path / "bad") as cache:
        cache.put("key", verdict)
        assert cache.get("key") is None
    with VerdictCache(tmp_path / "good") as cache:
        cache.put("key", verdict)
        connection = sqlite3.connect(tmp_path / "good" / "verdicts.sqlite")
        connection.execute("UPDATE verdicts SET value = 'of another version'")
        connection.commit()
        connection.close()
        assert cache.get("key") is None


async def test_a_sandbox_that_fails_in_passing_is_tried_again(own_desk: Desk) -> None:
    cells, template = counted(own_desk, failures=2)
    with without_waiting():
        verdict = await cells.verdict(Check.of("exit(42)", "reproduction"), BASE)
    assert (verdict.outcome, template.forks) == ("fail", 3)


async def test_an_infrastructure_fault_is_never_recorded(own_desk: Desk) -> None:
    cells, _ = counted(own_desk, failures=5)
    check = Check.of("exit(42)", "reproduction")
    with without_waiting():
        lost = await cells.verdict(check, BASE)
    assert lost.outcome == "infra" and "the daemon is gone" in lost.execution.output
    assert (await cells.verdict(check, BASE)).outcome == "fail"


async def test_a_dead_backend_ends_the_run(own_desk: Desk) -> None:
    cells, _ = counted(own_desk, failures=99)
    with without_waiting(), pytest.raises(SandboxError, match="the daemon is gone"):
        await cells.verdict(Check.of("exit(42)", "reproduction"), BASE)


FIRST = b"import os; os._exit(0)\n"


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("a.py", b"x = 1\n", FIRST + b"x = 1\n"),
        ("a.py", b'"""Why."""\nx = 1\n', b'"""Why."""\n' + FIRST + b"x = 1\n"),
        (
            "a.py",
            b"from __future__ import annotations\nx = 1",
            b"from __future__ import annotations\n" + FIRST + b"x = 1",
        ),
        ("tool", b"#!/usr/bin/python3\nx = 1\n", b"#!/usr/bin/python3\n" + FIRST + b"x = 1\n"),
        ("a.py", b"no python at all (", FIRST + b"no python at all ("),
        ("a.sh", b"true\n", b"exit 0\ntrue\n"),
        ("tool", b"#!/bin/sh -e\ntrue\n", b"#!/bin/sh -e\nexit 0\ntrue\n"),
        ("a.txt", b"sh\n", None),
        ("tool", b"\x7fELF\n", None),
    ],
)
def test_code_that_only_exits_keeps_its_text(path: str, data: bytes, expected: bytes | None) -> None:
    file = File(mode="100644", data=data)
    made = exiting({path: File(mode="100644", data=b"changed")}, {path: file})
    assert {name: one and one.data for name, one in made.items()} == ({path: expected} if expected else {})
    new = exiting({path: file, "gone.py": None}, {})
    assert {name: one and one.data for name, one in new.items()} == ({path: expected} if expected else {})


async def test_a_control_is_run_once_for_all_checks_of_a_candidate(own_desk: Desk) -> None:
    cells, template = counted(own_desk)
    changed = {"notes.txt": File(mode="100644", data=b"other\n")}
    tree = await own_desk.trees.write(own_desk.trees.base, changed)
    for number in range(3):
        check = Check.of(f"exit(0)  # {number}", "reproduction")
        assert (await cells.verdict(check, tree)).outcome == "pass"
    assert template.forks == 4
    assert (await cells.verdict(Check.of("exit(0)", "reproduction"), BASE)).outcome == "pass"
    assert template.forks == 5
