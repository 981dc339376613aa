"""Options of commands that end in one patch: what it is for, and where it goes."""

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[
    str | None, typer.Option(help="Run folder below runs/. The same name goes on where it stopped.")
]
Repo = Annotated[
    str | None,
    typer.Option(metavar="PATH_OR_URL", help="The repository. [default: the issue's, otherwise .]"),
]
Apply = Annotated[bool, typer.Option("--apply", help="Apply the patch to the work tree of --repo.")]
Force = Annotated[bool, typer.Option("--force", help="Apply to a dirty work tree, too.")]
Out = Annotated[Path | None, typer.Option(help="Write the patch to this file.")]
