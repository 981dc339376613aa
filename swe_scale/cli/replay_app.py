"""Defines `swe-scale replay`; what it does is imported when it runs."""

from typing import Annotated

import typer

from swe_scale.cli.end import Json, finish


def replay(
    run: Annotated[str, typer.Argument(help="Name of a graded run, or its folder.")],
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="votes|latent|majority|medoid|codet|…|NAME",
            help="How candidates are ranked; NAME is another package's. [default: that of the run]",
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option(metavar="fixed|adaptive|iterative-deepening|NAME", help="How the budget is spent.")
    ] = "fixed",
    samples: Annotated[
        str, typer.Option(metavar="1,2,4", help="Trajectories drawn of each issue, one row for each number.")
    ] = "all",
    turns: Annotated[
        str, typer.Option(metavar="1,2,4", help="Turns after which trajectories are cut, likewise.")
    ] = "all",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="RULE[,POLICY]", help="Compare with this on the same draws: paired differences."
        ),
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Draws of each issue.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the draws; the same gives the same figures.")] = 0,
    json: Json = False,
) -> None:
    """Try another vote rule or budget policy on a recorded run, without one call of a model."""
    from swe_scale.cli.replay import Wish, run_replay

    wish = Wish(
        run=run, rule=rule, policy=policy, samples=samples, turns=turns, against=against,
        repetitions=repetitions, seed=seed,
    )  # fmt: skip
    finish(lambda: run_replay(wish, json=json))
