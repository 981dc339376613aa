"""Defines `swe-scale report`; what it does is imported when it runs."""

from typing import Annotated

import typer

from swe_scale.cli.end import Json, finish

Runs = Annotated[list[str], typer.Argument(metavar="RUN…", help="Names of runs, or their folders.")]


def report(runs: Runs, json: Json = False) -> None:
    """Print the figures of a run, or of several side by side: resolved, coverage, selection, cost."""
    from swe_scale.cli.report import run_report

    finish(lambda: run_report(runs, json=json))
