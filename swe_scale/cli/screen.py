"""What the commands print: the answer on stdout, everything else on stderr."""

import json
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from rich.console import Console, RenderableType

from swe_scale import report
from swe_scale.errors import StoreError, unwrapped
from swe_scale.events import printable
from swe_scale.records import Solution

if TYPE_CHECKING:
    # What runs are made of takes long to import, and not every command makes one.
    from swe_scale.batch import Results

PROPOSED, FAILED, ABSTAINED, INTERRUPTED = 0, 1, 3, 130
_PIPED_WIDTH = 120
_ALWAYS_SAID = ("proposed", "abstained", "failed")


@dataclass(slots=True)
class Naming:
    """The run's name, once it is known."""

    name: str | None = None


@dataclass(slots=True)
class Screen:
    """The two streams of a command."""

    json: bool
    answer: Console
    progress: Console

    @classmethod
    def open(cls, as_json: bool, *, patch: bool = False) -> "Screen":
        """Return the screen of this process.

        Args:
            as_json: whether the answer is one JSON document.
            patch: whether stdout is for a patch alone.
        """
        width = None if sys.stdout.isatty() else _PIPED_WIDTH
        return cls(as_json, Console(width=width, stderr=patch), Console(stderr=True))

    def say(self, text: str) -> None:
        """Print a line beside the answer."""
        self.progress.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def document(self, value: object) -> None:
        """Print a JSON document as the answer, in ASCII: it is the same whatever the stream's encoding."""
        with _writing():
            print(json.dumps(value))

    def text(self, value: str) -> None:
        """Print a text on stdout as it is."""
        with _writing():
            sys.stdout.buffer.write(value.encode("utf-8", "surrogateescape"))
            sys.stdout.buffer.flush()

    def show(self, what: RenderableType) -> None:
        """Print what a person reads as the answer."""
        with _writing():
            self.answer.print(what)

    def answer_with_nothing(self, reason: str) -> int:
        """Say why nothing was done; return the exit code."""
        self.say(f"nothing to do: {reason}")
        if self.json:
            self.document({"outcome": "ignored", "reason": reason})
        return ABSTAINED

    def answer_with(self, solution: Solution, more: Mapping[str, object] | None = None) -> int:
        """Print a solution; return the exit code.

        Args:
            solution: the answer.
            more: further fields of the JSON document.
        """
        if self.json:
            self.document(report.document(solution) | dict(more or {}))
        else:
            with _writing():
                report.show(solution, self.answer)
        return PROPOSED if solution.patch is not None else ABSTAINED

    def answer_with_many(self, results: "Results", folder: Path, unusable: tuple[str, ...] = ()) -> int:
        """Print what came of many issues, and which rows weren't any; return the exit code."""
        failed = FAILED if results.failures or results.left or unusable else PROPOSED
        if self.json:
            with _writing():
                _print_all(results, folder, unusable)
            return failed
        for text in (*unusable, *(f"{name} failed: {why}" for name, why in sorted(results.failures.items()))):
            self.say(text)
        for why, count in Counter(results.left.values()).items():
            self.say(f"{count} not started: {why}")
        proposed = sum(one.patch is not None for one in results.solutions.values())
        counts = {
            "proposed": proposed,
            "abstained": len(results.solutions) - proposed,
            "failed": len(results.failures),
            "not started": len(results.left),
            "rows unusable": len(unusable),
        }
        said = ", ".join(f"{count} {name}" for name, count in counts.items() if count or name in _ALWAYS_SAID)
        with _writing():
            self.answer.print(
                f"{said}; predictions in {folder / 'preds.jsonl'}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
        return failed


def _print_all(results: "Results", folder: Path, unusable: tuple[str, ...]) -> None:
    """Print one document of all solutions; only one of them is in memory at a time."""
    from swe_scale.analysis.runs import open_run

    print('{"solutions": {', end="")
    comma = ""
    with open_run(folder) as run:
        for task in sorted(run.job.tasks, key=lambda one: one.issue.id):
            if task.issue.id in results.solutions and (one := run.solution(task)) is not None:
                print(f"{comma}{json.dumps(one.issue)}: {json.dumps(report.document(one))}", end="")
                comma = ", "
    others = {"failures": results.failures, "not_started": results.left, "unusable_rows": unusable}
    print("}, " + json.dumps(others)[1:])


@contextmanager
def _writing() -> Iterator[None]:
    """Say what hinders the answer from being written; a reader that has left is no fault."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # what is still in its buffer can't be written at exit, either
        raise StoreError(
            f"the answer can't be written to standard output: {error.strerror}. It is kept: give the same "
            "command again, which pays nothing twice."
        ) from error


def interruptible(act: Callable[[], Awaitable[int]], naming: Naming) -> int:
    """Run a command; on Ctrl-C, or when told to end, clean up and say how to go on."""

    async def guarded() -> int:
        code = INTERRUPTED
        async with anyio.create_task_group() as group:
            group.start_soon(_until_told_to_end, group.cancel_scope)
            code = await act()
            group.cancel_scope.cancel()
        return code

    try:
        with unwrapped():
            code = anyio.run(guarded)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseExceptionGroup as group:
        # The reader of our output has left, which rich turns into an exit; whoever started the command knows
        # what to do then.
        if group.subgroup((BrokenPipeError, SystemExit)) is not None:
            raise BrokenPipeError from group
        raise
    if code == INTERRUPTED:
        again = f", what was finished is kept; go on with: swe-scale resume {naming.name}"
        print(f"swe-scale: interrupted{again if naming.name else ''}", file=sys.stderr)
    return code


async def _until_told_to_end(scope: anyio.CancelScope) -> None:
    # What is ignored, as by nohup, stays so.
    heeded = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    with anyio.open_signal_receiver(*heeded) as told:
        async for _ in told:
            scope.cancel()
            return
