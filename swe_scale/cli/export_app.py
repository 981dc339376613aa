"""Defines `swe-scale export`; what it does is imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from swe_scale.cli.end import Json, finish


def export(
    run: Annotated[str, typer.Argument(help="Name of a run, or its folder.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the tables; made if need be.")],
    form: Annotated[str, typer.Option("--format", metavar="jsonl|parquet", help="Of the tables.")] = "jsonl",
    table: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,…", help="Only these tables; repeatable. [default: all]"),
    ] = None,
    json: Json = False,
) -> None:
    """Write a run's whole record as tables: issues, trajectories, turns, checks, verdicts, grades, …"""
    from swe_scale.cli.export import Wish, run_export

    names = tuple(name.strip() for given in table or () for name in given.split(",") if name.strip())
    finish(lambda: run_export(Wish(run=run, to=to, form=form, tables=names), json=json))
