"""What all commands have in common: two options, and how they end."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

Config = Annotated[Path | None, typer.Option(help="Configuration file.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]


def finish(action: Callable[[], int]) -> NoReturn:
    """Carry out a command and leave with its exit code; an expected failure is one or two lines."""
    from swe_scale.errors import SweScaleError
    from swe_scale.events import printable

    try:
        code = action()
    except SweScaleError as error:
        typer.echo(f"swe-scale: {printable(str(error))}", err=True)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)
