"""Finds the folder of a run that is named."""

from pathlib import Path

RUNS = Path("runs")
"""Where runs lie, below the current folder."""


def folder_of(run: str) -> Path:
    """Return a run's folder: `runs/NAME` of a name, a path as it is."""
    return Path(run) if "/" in run or run in (".", "..") else RUNS / run
