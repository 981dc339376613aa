"""Defines `swe-scale advise`; what it does is imported when it runs."""

from typing import Annotated

import typer

from swe_scale.cli.end import Json, finish


def advise(
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", help="Names of runs, or their folders.")],
    wrong_costs: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="RATIO",
            help="What a wrong patch costs, where a right one is worth 1: how many samples are best then.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say where the next unit of compute should go: samples, turns, selection or checks."""
    from swe_scale.cli.advise import run_advise

    finish(lambda: run_advise(runs, wrong_costs, json=json))
