"""Defines the command `select`; what it does is imported when it runs."""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Annotated

import typer

from swe_scale.cli.delivering import Apply, Force, Name, Out, Repo
from swe_scale.cli.end import Json, finish
from swe_scale.cli.help import Command
from swe_scale.cli.options import SolveOptions, shares_options_but

_WHAT = "Candidates and checks"
_LISTS = ("--candidates", "--checks")


class Several(Command):
    """A command two of whose options take all that follows them, up to the next option."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse, each value of such a list as that of an option which is repeated."""
        flags = {name for one in self.params if getattr(one, "is_flag", False) for name in one.opts}
        return super().parse_args(ctx, repeated(args, flags | {"-h", "--help"}))


def repeated(arguments: Sequence[str], flags: Collection[str]) -> list[str]:
    """Return arguments in which every value of a list has its option before it.

    Where no argument stands by itself, it is the last value of the last list of several.

    Args:
        arguments: of the command line.
        flags: options without a value.
    """
    found: list[str] = []
    last, values, free, option = -1, 0, False, ""
    rest = iter(arguments)
    for one in rest:
        if one.startswith("-") and one != "-":
            option, values = (one if one in _LISTS else ""), 0
            free = free or one == "--"
            found += [] if option else [one]
            found += [] if option or one in flags or "=" in one else islice(rest, None if one == "--" else 1)
        elif option:
            found += [option, one]
            values += 1
            last = len(found) - 2 if values > 1 else last
        else:
            found.append(one)
            free = True
    if not free and last >= 0:
        del found[last]
    return found


_MEANINGLESS = ("samples", "strategy", "cascade", "triage", "no_backtrack", "record_turns")
"""Options of a search for patches: here are some."""


@shares_options_but(*_MEANINGLESS)
def select(
    issue: Annotated[str, typer.Argument(help="As for `run`: a file, -, a quoted text, or an address.")],
    options: SolveOptions,
    candidates: Annotated[
        list[str],
        typer.Option(
            metavar="FILE|FOLDER|branch:NAME …",
            help="Patches: predictions (.json, .jsonl), unified diffs, folders of them, branches.",
            rich_help_panel=_WHAT,
        ),
    ],
    checks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[foreign:]FILE|FOLDER …",
            help="Scripts that exit 0 if the issue is resolved and 42 if not, others that exit 0 or not, and "
            "patches that add tests.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    write_checks: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="K",
            help="Checks that the model writes, seeing no patch; with --policy adaptive, at most.",
            rich_help_panel=_WHAT,
        ),
    ] = 0,
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Which instance is meant in predictions. [default: the issue's id, or the only one]",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    repo: Repo = None,
    base: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Commit that the patches are for. [default: HEAD]")
    ] = None,
    name: Name = None,
    apply: Apply = False,
    force: Force = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Choose among patches that others made for one issue: the likeliest, with the evidence for it."""
    from swe_scale.cli.ground import Target
    from swe_scale.cli.select import Wish, select_patch
    from swe_scale.jobs import STDOUT, Delivery

    target = Target(issue=issue, repo=repo, base=base, name=name)
    wish = Wish(tuple(candidates), tuple(checks or ()), write_checks, instance)
    delivery = Delivery(apply=apply, force=force, out=out if out in (None, STDOUT) else out.absolute())
    finish(lambda: select_patch(target, wish, options, delivery, json=json))
