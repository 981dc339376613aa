"""What grading five candidates of ten quick rows takes, beside the official harness on the same images.

Both sides grade the same recorded candidates of development rows (`--data`), in local images that
`evaluation/experiments/testbed_images.py` made. The harness grades one patch of a row per call, so that it is
called once per candidate, each time for all rows, with the number of workers that suits it best here. Ours
gives both verdicts, official and hardened. The tests' own seconds are read from time stamps that both sides'
scripts print around the tests' own command; what goes beyond them is the wall clock less these seconds
÷ cores.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness import Figure, Goal, arguments, compare, in_turn, installed, report

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))

from official_harness import QUICK, Harness, rounds
from testbed_rows import Row, lines, runnable_rows

HARNESS = "swebench==5.0.2"
CANDIDATES = 5
SEED = 7
WORKERS = (1, 2, 4, 8)
STAMP = re.compile(r"^swe-scale-stamp ([0-9.]+)$", re.MULTILINE)
_MARKS = (">>>>> Start Test Output", ">>>>> End Test Output")

Rounds = Sequence[Mapping[str, str]]
"""Of each round, one patch by row."""


@dataclass(frozen=True, slots=True)
class Took:
    """What grading all candidates took."""

    wall: float
    tests: float
    """Seconds of the tests' own, of all runs together."""

    @property
    def beyond(self) -> float:
        """Wall clock beyond the tests' own, had they kept all cores busy."""
        return self.wall - self.tests / (os.cpu_count() or 1)


def stamped(script: str) -> str:
    """Return a script that prints the time before and after its tests, outside of what is parsed."""
    told = 'echo "swe-scale-stamp $(date +%s.%N)"'
    found = []
    for line in script.split("\n"):
        if _MARKS[0] in line:
            found += [told, line]
        elif _MARKS[1] in line:
            found += [line, told]
        else:
            found.append(line)
    return "\n".join(found)


def own_seconds(output: str) -> float:
    """Return what the stamps of a log say that its tests took; nothing where they didn't end."""
    told = [float(one) for one in STAMP.findall(output)]
    return told[-1] - told[0] if len(told) > 1 else 0.0
