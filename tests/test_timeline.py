"""When an issue was worked on is kept, whatever the clock does meanwhile."""

import json
import sqlite3
import time
from pathlib import Path

import anyio
import pytest
from own_loop import run_async
from runs_kit import issue, recorded_run

from swe_scale import timeline
from swe_scale.analysis.runs import open_run
from swe_scale.analysis.summarise import summarise
from swe_scale.errors import StoreError
from swe_scale.events import Events
from swe_scale.store.sqlite import open_store
from swe_scale.timeline import Span, keeping_time, read_spans

NAME = issue(0).id


async def work(folder: Path, *reported: tuple[str, str, str]) -> None:
    events = Events()
    async with open_store(folder) as store, keeping_time(store, events, NAME):
        for kind, text, step in reported:
            events.emit(kind, text, step)  # type: ignore[arg-type]
            await anyio.sleep(0.01)
    assert not events.listeners


def spans(folder: Path) -> list[Span]:
    with open_run(folder) as run:
        return list(read_spans(run.record, NAME))


STAGES = (
    ("stage", "context", NAME),
    ("stage", "search", NAME),
    ("stage", "search", "another"),
    ("trajectory", "started", f"{NAME}/trajectory/01"),
    ("turn", "edit", f"{NAME}/trajectory/01/turn/01"),
    ("trajectory", "started", f"{NAME}/trajectory/02"),
    ("trajectory", "done", f"{NAME}/trajectory/01"),
    ("trajectory", "done", f"{NAME}0/trajectory/02"),
)


def test_stages_and_trajectories_are_kept_per_process(tmp_path: Path) -> None:
    folder, before = recorded_run(tmp_path / "r"), time.time()
    for _ in range(2):
        run_async(lambda: work(folder, *STAGES))
    found = spans(folder)
    assert [(one.kind, one.step) for one in found[:5]] == [
        ("stage", "context"), ("trajectory", "01"), ("stage", "search"), ("trajectory", "02"), ("issue", ""),
    ]  # fmt: skip
    assert len(found) == 10
    seconds = {one.step: one.seconds for one in found[:5]}
    assert 0 < seconds["01"] < seconds["search"] < seconds[""]
    assert all(before - 1 < one.began <= one.began + one.seconds < time.time() + 1 for one in found)
    with open_run(folder) as run:
        assert len(summarise(run).times.spans) == 10


def test_where_nothing_was_done_nothing_is_kept(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r")
    run_async(lambda: work(folder, ("note", "found", NAME)))
    assert spans(folder) == []


def test_what_was_cancelled_is_kept(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r")

    async def cancelled() -> None:
        with anyio.CancelScope() as scope:
            events = Events()
            async with open_store(folder) as store, keeping_time(store, events, NAME):
                events.emit("stage", "search", NAME)
                scope.cancel()
                await anyio.sleep(1)

    run_async(cancelled)
    assert [one.kind for one in spans(folder)] == ["stage", "issue"]


def test_a_clock_that_jumps_makes_no_odd_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, true = recorded_run(tmp_path / "r"), time.time
    timeline._origin()
    jumps = iter(range(10_000_000_000, 0, -1_000_000))
    monkeypatch.setattr(time, "time", lambda: true() + next(jumps))
    run_async(lambda: work(folder, *STAGES))
    assert all(0 <= one.seconds < 60 and abs(one.began - true()) < 600 for one in spans(folder))


def test_a_damaged_one_is_named(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r")
    run_async(lambda: work(folder, *STAGES))
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute(
            "UPDATE steps SET value = ? WHERE path = ?", (json.dumps([["stage"]]), f"{NAME}/timeline/1")
        )
    with pytest.raises(StoreError, match=f"what is recorded of {NAME}/timeline/1 is damaged"):
        spans(folder)
