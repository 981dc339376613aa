"""Reports of runs for tests of the viewer: ordinary ones, and one whose every text attacks its reader."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from own_loop import run_apart
from runs_kit import recorded_run

from swe_scale.analysis.runs import Run, open_run
from swe_scale.analysis.summarise import summarise
from swe_scale.grades import Grade
from swe_scale.jobs import Job, Task
from swe_scale.records import Completion, Issue, Solution
from swe_scale.store import Key
from swe_scale.store.sqlite import open_store
from swe_scale.viewer import write_report

ATTACK = (
    "</script></style></title></textarea><!--<script>globalThis.pwned=1;document.title='pwned'</script>-->"
    "<img src=http://outside.test/i onerror=globalThis.pwned=1><svg onload=globalThis.pwned=1></svg>"
    "<link rel=stylesheet href=http://outside.test/c><style>*{display:none}@import 'http://outside.test/s'</style>"
    "<iframe src='javascript:top.pwned=1'></iframe><a href='javascript:globalThis.pwned=1'>x</a>"
    "<base href=//outside.test/><meta http-equiv=refresh content='0;url=http://outside.test/m'>"
    "<form action=http://outside.test/f><input autofocus onfocus=globalThis.pwned=1></form>"
    "\"'`${globalThis.pwned=1}`{{ 7*7 }}{% raw %}]]>"
    "&lt;&#x3c;\u2028\u2029\u202e\u2066\u200b\x00\x1b[31m\x07\r"
)
"""What begins to run, or to fetch, where a text is taken for anything but a text."""

LONE = "\ud83d|\udc00"
"""Halves of characters, which no file may hold; keys of the store neither."""

_FIXED = {
    "pass", "fail", "error", "timeout", "infra", "done", "turns", "context", "budget", "malformed", "failed",
    "wall", "memory", "pids", "disk", "output", "system", "user", "assistant", "tool", "start", "extend",
    "fork", "refine", "check", "select", "stop", "proposed", "abstained", "reproduction", "regression",
    "distinguishing", "resolved", "unresolved", "unstarted", "100644", "100755", "120000", "issue", "stage",
    "executes", "misses", "unknown",
}  # fmt: skip
"""Words that a record allows in some place, and nothing else there."""


def attacking(value: Any) -> Any:
    """Return a JSON value whose every text, those that are names of others too, attacks; equal ones alike."""
    if isinstance(value, str):
        return value if value in _FIXED else f"{value}{ATTACK}{LONE}"
    if isinstance(value, Mapping):
        return {name: attacking(part) for name, part in value.items()}
    return [attacking(one) for one in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Attacking:
    """A run in which everything that comes from outside attacks; ids only so far as the store can hold."""

    run: Run

    @property
    def name(self) -> str:
        return self.run.name + ATTACK + LONE

    @property
    def job(self) -> Job:
        tasks = tuple(
            one.model_copy(
                update={"issue": Issue.model_validate(attacking(one.issue.model_dump(mode="json")))}
            )
            for one in self.run.job.tasks
        )
        return self.run.job.model_copy(update={"tasks": tasks})

    def _own(self, task: Task) -> Task:
        return next(one for one in self.run.job.tasks if attacking(one.issue.id) == task.issue.id)

    def solution(self, task: Task) -> Solution | None:
        found = self.run.solution(self._own(task))
        if found is None:
            return None
        changed = attacking(found.model_dump(mode="json"))
        changed["stages"] = {attacking(name): one for name, one in changed["stages"].items()}
        return Solution.model_validate(changed)

    def failure(self, task: Task) -> str | None:
        found = self.run.failure(self._own(task))
        return None if found is None else str(attacking(found))

    def grade(self, issue: str, patch: str | None) -> Grade | None:
        plain = (text or "" for text in (issue, patch))
        found = self.run.grade(*(text.removesuffix(ATTACK + LONE) for text in plain))
        return None if found is None else Grade.model_validate(attacking(found.model_dump(mode="json")))

    def selection(self, issue: str) -> Sequence[tuple[str, Completion]]:
        text = attacking("I choose B.")
        return ((attacking("turn"), Completion(text=text, reasoning=text)),)


def summary_of(run: Run) -> dict[str, Any]:
    """Return the figures of a run as `swe-scale report --json` prints them."""
    return summarise(run).model_dump(mode="json")


def write_selection(folder: Path, issue: str, *replies: str) -> None:
    """Record the replies of a selection."""

    async def write() -> None:
        async with open_store(folder) as store:
            for number, text in enumerate(replies, start=1):
                key = Key(f"{issue}/selection/turn/{number:02}", "1")
                await store.put(key, Completion(text=text).model_dump(mode="json"))

    run_apart(lambda: anyio.run(write))


@contextmanager
def opened(folder: Path, issues: int, trajectories: int = 4) -> Iterator[Run]:
    """Open a run that is made for it."""
    with open_run(recorded_run(folder, issues, trajectories)) as run:
        yield run


def report_of(folder: Path, issues: int) -> Path:
    """Return the report of a run that is made for it."""
    out = folder.with_suffix(".html")
    with opened(folder, issues) as run:
        write_report(run, summary_of(run), out)
    return out


def attacking_report(folder: Path) -> Path:
    """Return the report of a run that attacks its reader, its figures too, beside others that do."""
    out = folder.with_suffix(".html")
    with opened(folder, issues=4, trajectories=3) as run:
        summary = attacking(summary_of(run))
        finding = {"trajectory": 1, "turn": 2, "excerpt": ATTACK + LONE} | dict.fromkeys(
            ("kind", "severity", "where"), ATTACK
        )
        summary["findings"] = [finding | {"issue": one["issue"]} for one in summary["outcomes"]]
        summary["strategies"] = {attacking("revise"): 3}
        summary["notes"] = [ATTACK + LONE]
        summary["times"]["spans"] = [
            {"issue": one["issue"], "kind": "stage", "step": ATTACK, "began": 5.0, "seconds": 9.0}
            for one in summary["outcomes"]
        ]
        write_report(Attacking(run), summary, out, [summary])
    return out
