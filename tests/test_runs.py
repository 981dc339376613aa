"""A run folder is read without disturbing whoever works in it."""

import sqlite3
from pathlib import Path

import anyio
import pytest
from own_loop import run_async
from runs_kit import grade, issue, patch, recorded_run

from swe_scale.analysis.runs import open_run
from swe_scale.analysis.summarise import summarise
from swe_scale.errors import StoreError, UsageError
from swe_scale.grades import FILE, patch_id, read_grades
from swe_scale.jobs import come_to, load_job
from swe_scale.pipeline import solution_key
from swe_scale.records import Completion, Execution, Solution
from swe_scale.store import dumped
from swe_scale.store.sqlite import open_store


def test_what_a_batch_left_is_read(tmp_path: Path) -> None:
    with open_run(recorded_run(tmp_path / "r")) as run:
        assert [one.issue for one in run.solutions()] == [issue(number).id for number in range(5)]
        assert [run.failure(task) for task in run.job.tasks][-2:] == [
            None,
            "the endpoint failed: connection refused",
        ]
        assert run.grade(issue(0).id, patch(0, 2)) == grade(0, 2)
        assert run.grade(issue(0).id, None) == grade(0, -1)
        assert run.grade(issue(0).id, "another") is None
        assert sum(entry.usage.calls for entry in run.entries()) == 5 * 4 * 3


def test_a_run_that_goes_on_can_be_read(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r")

    async def while_open() -> int:
        async with open_store(folder):
            with open_run(folder) as run:
                return await anyio.to_thread.run_sync(lambda: len(list(run.solutions())))

    assert run_async(while_open) == 5


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in"), open_run(tmp_path):
        pass
    (tmp_path / "run.sqlite").write_bytes(b"nonsense" * 100)
    with pytest.raises(StoreError, match="can't be read"), open_run(tmp_path):
        pass


def test_a_newer_record_is_refused(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=2)
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer swe-scale"), open_run(folder):
        pass


def test_grades_survive_a_crash_and_say_what_is_wrong(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=2)
    whole = (folder / FILE).read_text()
    (folder / FILE).write_text(whole[:-20])
    assert len(read_grades(folder / FILE)) == 7
    (folder / FILE).write_text("{}\n" + whole)
    with pytest.raises(StoreError, match="line 1: not a grade"):
        read_grades(folder / FILE)
    assert read_grades(tmp_path / "none") == {}


def test_a_patch_is_named_by_its_text() -> None:
    assert patch_id("a\n") == patch_id("a")
    assert patch_id("a") != patch_id("b")


def test_a_trajectory_that_looked_its_answer_up_is_in_the_figures(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=3)

    async def cheat() -> None:
        async with open_store(folder) as store:
            job = load_job(store)
            task = job.tasks[0]
            found = come_to(store, task, job.config)
            assert found is not None
            first = found.trajectories[0]
            looked = first.turns[0].model_copy(
                update={
                    "completion": Completion(text="```bash\npip download acme-calendar==2.1\n```"),
                    "action": "bash",
                    "edited": Execution(exit_code=0, output="Saved ./acme_calendar-2.1-py3-none-any.whl"),
                }
            )
            cheated = first.model_copy(update={"strategy": "agent", "turns": (looked, *first.turns[1:])})
            others = found.trajectories[1:]
            changed = found.model_copy(update={"trajectories": (cheated, *others)})
            key = solution_key(task.issue, task.options, job.config)
            await store.put(key, dumped(changed, Solution))

    run_async(cheat)
    with open_run(folder) as run:
        finding = next(one for one in summarise(run).findings if one.severity == "certain")
    assert (finding.issue, finding.trajectory, finding.turn) == (issue(0).id, 1, 1)
    assert finding.kind == "install" and "pip download" in finding.excerpt
