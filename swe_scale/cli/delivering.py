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
Base = Annotated[str | None, typer.Option(metavar="COMMIT", help="Commit to start from. [default: HEAD]")]
Apply = Annotated[bool, typer.Option("--apply", help="Apply the patch to the work tree of --repo.")]
Force = Annotated[bool, typer.Option("--force", help="Apply to a dirty work tree, too.")]
Out = Annotated[
    Path | None, typer.Option(help="Write the patch to this file; -: to stdout, and all else to stderr.")
]

_GITHUB = "GitHub"
Event = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="In place of an issue: what `bot admit` wrote, or GitHub's own event.",
        rich_help_panel=_GITHUB,
    ),
]
Handover = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write patch and evidence for `bot deliver`.", rich_help_panel=_GITHUB),
]
Pull = Annotated[
    bool,
    typer.Option("--pr", help="Open a draft pull request, or update it.", rich_help_panel=_GITHUB),
]
Comment = Annotated[
    bool,
    typer.Option(
        "--comment", help="Comment under the issue: what was found, and where.", rich_help_panel=_GITHUB
    ),
]
Fork = Annotated[
    bool,
    typer.Option("--fork", help="Push to the token's owner's fork if need be.", rich_help_panel=_GITHUB),
]
AllowWorkflows = Annotated[
    bool,
    typer.Option(
        "--allow-workflows",
        help="Deliver changes to workflows, CI settings and lock files, too.",
        rich_help_panel=_GITHUB,
    ),
]
Wait = Annotated[
    float,
    typer.Option(
        min=0,
        max=1440,
        metavar="MINUTES",
        help="Wait for the checks of the pull request; what fails is told to one more round.",
        rich_help_panel=_GITHUB,
    ),
]
Label = Annotated[str, typer.Option(help="The label that asks for a solution.", rich_help_panel=_GITHUB)]
