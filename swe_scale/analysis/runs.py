"""Opens run folders for reading: what was asked for, what came of it, how it was graded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from swe_scale.errors import StoreError
from swe_scale.grades import FILE, Grade, Grades, patch_id, read_grades
from swe_scale.jobs import Job, Task, come_to, failure_key, load_job
from swe_scale.records import Completion, Solution
from swe_scale.store import Entry
from swe_scale.store.reading import Recorded, open_recorded


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder, open for reading."""

    folder: Path
    job: Job
    grades: Grades
    record: Recorded

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name

    def solution(self, task: Task) -> Solution | None:
        """Return what came of a task; None where nothing did yet.

        Raises:
            StoreError: the record is damaged, or of another version.
        """
        return come_to(self.record, task, self.job.config)

    def solutions(self) -> Iterator[Solution]:
        """Yield the solutions that there are, one at a time: all of them may not fit into memory.

        Raises:
            StoreError: the record is damaged, or of another version.
        """
        for task in self.job.tasks:
            if (found := self.solution(task)) is not None:
                yield found

    def failure(self, task: Task) -> str | None:
        """Return why a task failed, where it did and wasn't solved since."""
        found = self.record.get(failure_key(task.issue.id))
        return None if found is None or self.solution(task) is not None else str(found)

    def grade(self, issue: str, patch: str | None) -> Grade | None:
        """Return how a patch was graded; None where it wasn't."""
        return self.grades.get((issue, patch_id(patch or "")))

    def selection(self, issue: str) -> tuple[tuple[str, Completion], ...]:
        """Return the replies of those that chose among finalists, each with its address.

        Raises:
            StoreError: the record is damaged, or of another version.
        """
        try:
            return tuple(
                (path, Completion.model_validate(value))
                for path, value in self.record.under(f"{issue}/selection")
            )
        except ValidationError as error:
            raise StoreError(
                f"what is recorded of {issue}/selection is damaged or of another version."
            ) from error

    def entries(self) -> tuple[Entry, ...]:
        """Return the rows of the ledger."""
        return self.record.entries()


@contextmanager
def open_run(folder: Path) -> Iterator[Run]:
    """Open a run folder for reading; whoever works in it isn't disturbed.

    Raises:
        UsageError: there is no run in it, or it is of another version.
        StoreError: its record or its grades can't be read.
    """
    with open_recorded(folder) as record:
        yield Run(folder, load_job(record), read_grades(folder / FILE), record)
