"""Defines `swe-scale compare`; what it does is imported when it runs."""

from typing import Annotated

import typer

from swe_scale.cli.end import Json, finish

Sides = Annotated[
    list[str],
    typer.Argument(metavar="A B…", help="Runs, files of grades, or predictions beside their grades."),
]


def compare(sides: Sides, json: Json = False) -> None:
    """Compare A with B, issue by issue: what chance could have made, and what it costs."""
    from swe_scale.cli.compare import run_compare

    finish(lambda: run_compare(sides, json=json))
