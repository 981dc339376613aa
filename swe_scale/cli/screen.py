"""What the commands print: the answer on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
from rich.console import Console

from swe_scale import report
from swe_scale.batch import Results
from swe_scale.errors import unwrapped
from swe_scale.records import Solution

PROPOSED, FAILED, ABSTAINED, INTERRUPTED = 0, 1, 3, 130
_PIPED_WIDTH = 120


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
    def open(cls, as_json: bool) -> "Screen":
        """Return the screen of this process."""
        width = None if sys.stdout.isatty() else _PIPED_WIDTH
        return cls(as_json, Console(width=width), Console(stderr=True))

    def say(self, text: str) -> None:
        """Print a line beside the answer."""
        self.progress.print(text, markup=False, highlight=False, soft_wrap=True)

    def document(self, value: object) -> None:
        """Print a JSON document as the answer."""
        print(json.dumps(value, ensure_ascii=False))

    def answer_with(self, solution: Solution) -> int:
        """Print a solution; return the exit code."""
        if self.json:
            self.document(report.document(solution))
        else:
            report.show(solution, self.answer)
        return PROPOSED if solution.patch is not None else ABSTAINED

    def answer_with_many(self, results: Results, folder: Path) -> int:
        """Print what came of many issues; return the exit code."""
        proposed = [one for one in results.solutions.values() if one.patch is not None]
        if self.json:
            rows = {name: report.document(one) for name, one in sorted(results.solutions.items())}
            self.document({"solutions": rows, "failures": results.failures})
        else:
            for name, why in sorted(results.failures.items()):
                self.say(f"{name} failed: {why}")
            abstained = len(results.solutions) - len(proposed)
            self.answer.print(
                f"{len(proposed)} proposed, {abstained} abstained, {len(results.failures)} failed; "
                f"predictions in {folder / 'preds.jsonl'}",
                highlight=False,
            )
        return FAILED if results.failures else PROPOSED


def interruptible(act: Callable[[], Awaitable[int]], naming: Naming) -> int:
    """Run a command; on Ctrl-C say how to go on."""
    try:
        with unwrapped():
            return anyio.run(act)
    except KeyboardInterrupt:
        again = f"; go on with: swe-scale resume {naming.name}" if naming.name else ""
        print(f"swe-scale: interrupted, what was finished is kept{again}", file=sys.stderr)
        return INTERRUPTED
