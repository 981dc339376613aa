"""Defines the command `run`; what it does is imported when it runs."""

from typing import Annotated

import typer

from swe_scale.cli.bot_app import LABEL
from swe_scale.cli.delivering import (
    AllowWorkflows,
    Apply,
    Base,
    Comment,
    Event,
    Force,
    Fork,
    Handover,
    Label,
    Name,
    Out,
    Pull,
    Repo,
    Wait,
)
from swe_scale.cli.end import Json, finish
from swe_scale.cli.options import SolveOptions


def run(
    options: SolveOptions,
    issue: Annotated[
        str | None, typer.Argument(help="A file, - for stdin, a quoted text, or a GitHub issue URL.")
    ] = None,
    repo: Repo = None,
    base: Base = None,
    name: Name = None,
    apply: Apply = False,
    force: Force = False,
    out: Out = None,
    event: Event = None,
    label: Label = LABEL,
    pr: Pull = False,
    comment: Comment = False,
    fork: Fork = False,
    allow_workflows: AllowWorkflows = False,
    wait: Wait = 0.0,
    handover: Handover = None,
    json: Json = False,
) -> None:
    """Solve one issue: one patch with the evidence for it, or the reasons why there is none."""
    from swe_scale.cli.actions import run_issue
    from swe_scale.cli.ground import Target
    from swe_scale.jobs import STDOUT, Delivery

    target = Target(issue=issue, repo=repo, base=base, name=name, event=event, label=label)
    delivery = Delivery(
        apply=apply, force=force, out=out if out in (None, STDOUT) else out.absolute(),
        handover=handover.absolute() if handover else None,
        pull=pr, comment=comment, fork=fork, allow_workflows=allow_workflows, wait=wait,
    )  # fmt: skip
    finish(lambda: run_issue(target, options, delivery, json=json))
