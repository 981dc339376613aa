"""Defines `swe-scale prepare`; what it does is imported when it runs."""

from typing import Annotated

import typer

from swe_scale.cli.end import Config, Json, finish
from swe_scale.cli.environment_app import (
    Base,
    File,
    Here,
    Image,
    Network,
    Sandbox,
    Subdir,
    Unbounded,
)

Skip = Annotated[
    list[str] | None,
    typer.Option(metavar="symbols|environment|tests", help="Leave this step out; repeatable."),
]


def prepare(
    repo: Annotated[
        str, typer.Argument(metavar="[REPO]", help="The repository: a folder or an address.")
    ] = ".",
    base: Base = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="Begin nothing new after that; the next time goes on. [default: no limit]"),
    ] = None,
    skip: Skip = None,
    sandbox: Sandbox = None,
    network: Network = None,
    allow_unbounded: Unbounded = False,
    cells: Annotated[int | None, typer.Option(min=1, help="Sandboxes at a time. [default: the CPUs]")] = None,
    file: File = None,
    image: Image = None,
    subdir: Subdir = None,
    here: Here = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Find out ahead of any issue what it will need: the environment, what tests execute, flaky tests."""
    from swe_scale.cli.options import SolveOptions
    from swe_scale.cli.prepare import Wish, run_prepare

    options = SolveOptions(
        config=config, sandbox=sandbox, network=network, allow_unbounded=allow_unbounded, cells=cells,
        environment=file, image=image, subdir=subdir, here=here,
    )  # fmt: skip
    wish = Wish(repo=repo, base=base, minutes=minutes, skip=tuple(skip or ()))
    finish(lambda: run_prepare(wish, options, json=json))
