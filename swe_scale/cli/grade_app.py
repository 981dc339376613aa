"""Defines `swe-scale grade`; what it does is imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from swe_scale.cli.end import Config, Json, finish
from swe_scale.cli.environment_app import File, Network, Sandbox, Unbounded


def grade(
    predictions: Annotated[
        str,
        typer.Argument(
            metavar="PREDICTIONS",
            help="A run's name or folder, a preds.json or .jsonl, or the word gold or empty.",
        ),
    ],
    dataset: Annotated[
        str,
        typer.Option(
            metavar="NAME_OR_FILE",
            help="Rows with their answers: a dataset's name, or JSON Lines, JSON, parquet.",
        ),
    ],
    only: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this row; repeatable. [default: all]")
    ] = None,
    candidates: Annotated[
        bool, typer.Option("--candidates", help="Of a run: all candidates, not only the chosen patches.")
    ] = False,
    turns: Annotated[
        bool, typer.Option("--turns", help="Of a run: the patch after every turn, too.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Grades, as JSON Lines. [default: grades.jsonl beside PREDICTIONS]"
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs per patch, by which flaky tests are found.")] = 1,
    retries: Annotated[int, typer.Option(min=0, help="Further tries where the machine failed.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Grade again what is graded already.")] = False,
    official: Annotated[
        bool, typer.Option("--official", help="The official verdict alone, which takes fewer runs.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Of one run of the tests.")
    ] = 1800.0,
    repos: Annotated[
        Path | None,
        typer.Option(help="Folder with the repositories as owner__name. [default: cloned]"),
    ] = None,
    file: File = None,
    sandbox: Sandbox = None,
    network: Network = None,
    allow_unbounded: Unbounded = False,
    cells: Annotated[int | None, typer.Option(min=1, help="Sandboxes at a time. [default: the CPUs]")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run the hidden tests of SWE-bench on patches: the official verdict, and a hardened one beside it."""
    from swe_scale.cli.grade import Wish, run_grade
    from swe_scale.cli.options import SolveOptions

    options = SolveOptions(
        config=config, sandbox=sandbox, network=network, allow_unbounded=allow_unbounded, cells=cells,
        environment=file,
    )  # fmt: skip
    wish = Wish(
        predictions=predictions, dataset=dataset, only=tuple(only or ()), candidates=candidates, turns=turns,
        out=out, repeats=repeats, retries=retries, force=force, hardened=not official,
        seconds=timeout, repos=repos,
    )  # fmt: skip
    finish(lambda: run_grade(wish, options, json=json))
