"""Defines `swe-scale eval`; what it does is imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from swe_scale.cli.end import Json, finish
from swe_scale.cli.options import SolveOptions, shares_options

_ROWS = "Rows"
_BATCH = "Batch"


@shares_options
def evaluate(
    options: SolveOptions,
    name: Annotated[str, typer.Option(help="Run folder below runs/. The same name goes on.")],
    rows: Annotated[
        str | None, typer.Argument(metavar="[ROWS]", help="A file of rows, in place of --dataset.")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="verified|lite|full|multilingual|pro|live|OWNER/NAME|FILE",
            help="Rows: of the Hugging Face hub, or a JSON Lines, JSON or Parquet file.",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    filter_: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="REGEX|repo=…|version=…|difficulty=…|language=…",
            help="Rows whose id matches, or whose column says so; repeatable, all must hold.",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    instances: Annotated[
        list[str] | None,
        typer.Option(metavar="ID,ID…|FILE", help="Only these rows; repeatable.", rich_help_panel=_ROWS),
    ] = None,
    draw: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many rows, drawn by --row-seed.", rich_help_panel=_ROWS),
    ] = None,
    shuffle: Annotated[
        bool,
        typer.Option("--shuffle", help="Take rows in an order drawn by --row-seed.", rich_help_panel=_ROWS),
    ] = False,
    row_seed: Annotated[
        int, typer.Option(help="Decides which rows are drawn, and their order.", rich_help_panel=_ROWS)
    ] = 0,
    slice_: Annotated[
        str | None,
        typer.Option("--slice", metavar="A:B", help="Of what is left, rows A to B.", rich_help_panel=_ROWS),
    ] = None,
    repos: Annotated[
        Path | None,
        typer.Option(help="Folder with the repositories as owner__name. [default: cloned]"),
    ] = None,
    environments: Annotated[
        str | None,
        typer.Option(
            metavar="image|requirements|repository",
            help="Where code runs: in the row's image, on its pinned requirements, or on what the repository "
            "says. [default: the first that a row has and the sandbox can use]",
            rich_help_panel=_BATCH,
        ),
    ] = None,
    issues: Annotated[int, typer.Option(min=1, help="Issues at a time.")] = 2,
    total_budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="50usd|9000000tokens|8h",
            help="Of all issues together: once it is spent, none is started; repeatable.",
            rich_help_panel=_BATCH,
        ),
    ] = None,
    keep_free: Annotated[
        str | None,
        typer.Option(
            metavar="50GB",
            help="Disk that stays free: images that the run pulled go once their issues are finished.",
            rich_help_panel=_BATCH,
        ),
    ] = None,
    redo: Annotated[
        str | None,
        typer.Option(
            metavar="failed|abstained|all",
            help="Work on these issues of the run alone, and from the start unless they failed.",
            rich_help_panel=_BATCH,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Solve many issues of a dataset; predictions go to runs/NAME/preds.jsonl as they come."""
    from swe_scale.cli.eval import Selection, Wish, run_eval
    from swe_scale.errors import UsageError

    def act() -> int:
        if (rows is None) == (dataset is None):
            raise UsageError("give either --dataset, or a file of rows.")
        selection = Selection(
            dataset=dataset or rows or "", repos=repos, filters=tuple(filter_ or ()),
            instances=tuple(instances or ()), part=slice_, draw=draw, shuffle=shuffle, row_seed=row_seed,
        )  # fmt: skip
        wish = Wish(
            rows=selection, name=name, issues=issues, environments=environments,
            total=tuple(total_budget or ()), keep_free=keep_free, redo=redo,
        )  # fmt: skip
        return run_eval(wish, options, json=json)

    finish(act)
