"""Measures ours and a baseline in turn, so that a noisy machine disturbs both alike, and reports ratios."""

import argparse
import json
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from swe_scale.config import cache_folder

T = TypeVar("T")
Samples = Sequence[float]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound of a figure."""

    most: float | None = None
    least: float | None = None
    of_ours: bool = False
    """Whether it binds our own value, not the ratio to the baseline's."""

    def met(self, ours: float, ratio: float | None) -> bool | None:
        """Return whether it is kept; None where nothing was measured that it could bind."""
        value = ours if self.of_ours else ratio
        if value is None:
            return None
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def __str__(self) -> str:
        bound = f"≤ {self.most:g}" if self.least is None else f"≥ {self.least:g}"
        return f"{'ours' if self.of_ours else 'ratio'} {bound}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A value of ours beside the baseline's: medians, and the median of the repeats' ratios."""

    name: str
    ours: float
    baseline: float | None
    unit: str
    ratio: float | None
    """Ours ÷ baseline."""
    spread: tuple[float, float] | None
    """Lowest and highest ratio of a repeat."""
    repeats: int
    goal: str | None
    met: bool | None


def arguments(
    description: str, repeats: int, add: Callable[[argparse.ArgumentParser], None] | None = None
) -> argparse.Namespace:
    """Return the options that every benchmark takes, and those that `add` adds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="folder with data sets, for the benchmarks that need any")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--repeats", type=int, default=repeats, help=f"by default {repeats}")
    if add is not None:
        add(parser)
    return parser.parse_args()


def in_turn(sides: Mapping[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """Return each side's measurements, taken A B A B … after one of each that doesn't count."""
    for measure in sides.values():
        measure()
    found: dict[str, list[T]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, measure in sides.items():
            found[name].append(measure())
    return found


def compare(
    name: str, unit: str, ours: Samples, baseline: Samples | None, goal: Goal | None = None
) -> Figure:
    """Return the figure of measurements that were taken in turn."""
    ratios = [a / b for a, b in zip(ours, baseline, strict=True)] if baseline else None
    ratio = median(ratios) if ratios else None
    return Figure(
        name=name,
        ours=median(ours),
        baseline=median(baseline) if baseline else None,
        unit=unit,
        ratio=ratio,
        spread=(min(ratios), max(ratios)) if ratios else None,
        repeats=len(ours),
        goal=None if goal is None else str(goal),
        met=None if goal is None else goal.met(median(ours), ratio),
    )


def report(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print the figures."""
    if as_json:
        print(json.dumps({"figures": [asdict(figure) for figure in figures]}, ensure_ascii=False, indent=1))
        return
    table = Table("figure", "ours", "baseline", "unit", "ratio", "lowest … highest", "goal", "met")
    for one in figures:
        table.add_row(
            one.name,
            f"{one.ours:.4g}",
            "" if one.baseline is None else f"{one.baseline:.4g}",
            one.unit,
            "" if one.ratio is None else f"{one.ratio:.3g}",
            "" if one.spread is None else f"{one.spread[0]:.3g} … {one.spread[1]:.3g}",
            one.goal or "",
            {None: "", True: "yes", False: "NO"}[one.met],
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def installed(requirement: str) -> Path:
    """Return the `bin` folder of an environment that holds a baseline, made in the cache if need be.

    Args:
        requirement: `name==version`; it is no dependency of the project.
    """
    folder = cache_folder() / "benchmarks" / requirement
    complete = folder / "complete"
    if not complete.is_file():
        print(f"Installing {requirement} into {folder} …", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True, symlinks=True)
        pip = (folder / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check")
        subprocess.run([*pip, requirement], check=True, stdin=subprocess.DEVNULL)
        complete.touch()
    return folder / "bin"
