"""Defines the commands of the bot's jobs; what they do is imported when one of them runs."""

from pathlib import Path
from typing import Annotated

import typer

from swe_scale.cli.delivering import AllowWorkflows, Fork, Label
from swe_scale.cli.end import Config, Json, finish
from swe_scale.cli.help import Command

bot = typer.Typer(
    no_args_is_help=True,
    help="What a patch bot's jobs do that hold a token: neither runs code of the repository.",
)

LABEL = "swe-scale"


@bot.command("admit", cls=Command)
def admit(
    event: Annotated[Path, typer.Option(metavar="FILE", help="The file that GITHUB_EVENT_PATH names.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the issue is written to, for `run --event`.")
    ],
    label: Label = LABEL,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say whether somebody who may asks for a solution; and read the issue for the job that solves it."""
    from swe_scale.cli.bot import run_admit

    finish(lambda: run_admit(event, out, label, config, json=json))


@bot.command("deliver", cls=Command)
def deliver(
    handover: Annotated[Path, typer.Argument(help="What `run --handover` has written.")],
    issue: Annotated[str | None, typer.Option(metavar="URL", help="The issue.")] = None,
    event: Annotated[
        Path | None, typer.Option(metavar="FILE", help="In its place: the event that started it all.")
    ] = None,
    label: Label = LABEL,
    base: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="[default: the repository's default branch]")
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Below it, a comment instead of a pull request.")
    ] = 0.0,
    comment_only: Annotated[bool, typer.Option("--comment-only", help="Open no pull request.")] = False,
    no_comment: Annotated[bool, typer.Option("--no-comment", help="Write nothing under the issue.")] = False,
    fork: Fork = False,
    allow_workflows: AllowWorkflows = False,
    run_url: Annotated[
        str, typer.Option(metavar="URL", help="Page of the run that has the decision page.")
    ] = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Check what another job has found, and open or update the draft pull request, or comment."""

    def act() -> int:
        from swe_scale.bot.deliver import Wish
        from swe_scale.cli.bot import issue_of, run_deliver

        asked = issue_of(issue, event, label)
        wish = Wish(
            issue=asked.issue, pull=not comment_only, comment=not no_comment, label=asked.labelled, base=base,
            fork=fork, allow_workflows=allow_workflows, min_confidence=min_confidence, run_url=run_url,
        )  # fmt: skip
        return run_deliver(handover, asked, wish, config, json=json)

    finish(act)
