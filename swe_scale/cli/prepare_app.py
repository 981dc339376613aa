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

Reader = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="A cheap model that says what each file is for: of the configuration, or at "
        "--base-url. [default: none does]",
    ),
]  # fmt: skip
BaseUrl = Annotated[list[str] | None, typer.Option(help="Where it is served.")]
KeyVariable = Annotated[
    str | None, typer.Option(help="Environment variable that holds its key. [default: OPENAI_API_KEY]")
]
Spending = Annotated[
    list[str] | None, typer.Option(metavar="2usd|500000tokens", help="Of the reader; never exceeded.")
]
Skip = Annotated[
    list[str] | None,
    typer.Option(metavar="symbols|environment|tests|summaries", help="Leave this step out; repeatable."),
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
    reader_model: Reader = None,
    base_url: BaseUrl = None,
    key_variable: KeyVariable = None,
    budget: Spending = None,
    file: File = None,
    image: Image = None,
    subdir: Subdir = None,
    here: Here = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Find out ahead of any issue what it will need: symbols, environment, tests, what files are for."""
    from swe_scale.cli.options import SolveOptions
    from swe_scale.cli.prepare import Wish, run_prepare

    options = SolveOptions(
        config=config, sandbox=sandbox, network=network, allow_unbounded=allow_unbounded, cells=cells,
        environment=file, image=image, subdir=subdir, here=here, reader_model=reader_model,
        base_url=base_url, model=reader_model if base_url else None, key_variable=key_variable, budget=budget,
    )  # fmt: skip
    wish = Wish(repo=repo, base=base, minutes=minutes, skip=tuple(skip or ()))
    finish(lambda: run_prepare(wish, options, json=json))
