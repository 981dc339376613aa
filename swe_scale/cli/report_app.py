"""Defines `swe-scale report`; what it does is imported when it runs."""

from typing import Annotated

import typer

from swe_scale.cli.end import Json, finish

Runs = Annotated[list[str], typer.Argument(metavar="RUN…", help="Names of runs, or their folders.")]
Html = Annotated[
    bool | None,
    typer.Option("--html/--no-html", help="Write report.html to the run folder. [default: unless --json]"),
]


def report(runs: Runs, html: Html = None, json: Json = False) -> None:
    """Print the figures of runs side by side, and write a page with every decision: report.html."""
    from swe_scale.cli.report import run_report

    finish(lambda: run_report(runs, json=json, html=html))
