"""Defines the commands; what they do is imported when one of them runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from swe_scale.cli.advise_app import advise
from swe_scale.cli.bot_app import bot
from swe_scale.cli.compare_app import compare
from swe_scale.cli.delivering import Base, Repo
from swe_scale.cli.end import Config, Json, finish
from swe_scale.cli.environment_app import environment
from swe_scale.cli.eval_app import evaluate
from swe_scale.cli.export_app import export
from swe_scale.cli.grade_app import grade
from swe_scale.cli.help import Command
from swe_scale.cli.images_app import images
from swe_scale.cli.options import SolveOptions, shares_options
from swe_scale.cli.prepare_app import prepare
from swe_scale.cli.process import allow_descriptors, prepare_streams
from swe_scale.cli.replay_app import replay
from swe_scale.cli.report_app import report
from swe_scale.cli.run_app import run
from swe_scale.cli.select_app import Several, select

app = typer.Typer(
    name="swe-scale",
    help="Turns compute into fixed issues: trajectories, checks, votes; one patch with its evidence.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from swe_scale import __version__

        typer.echo(f"swe-scale {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Carry the options that come before any command."""


app.command(cls=Command)(shares_options(run))


@app.command(cls=Command)
def resume(
    run: Annotated[str, typer.Argument(help="Name of a run, or its folder.")],
    json: Json = False,
) -> None:
    """Go on with a run where it stopped: nothing that was finished is done or paid again."""
    from swe_scale.cli.actions import resume_run

    finish(lambda: resume_run(run, json=json))


@app.command(cls=Command)
def serve(
    model: Annotated[str, typer.Argument(help="A folder, or its name on the Hugging Face hub.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- FLAGS]", help="Flags for vLLM itself; they win over ours."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen. [default: 127.0.0.1]")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="0: any that is free. [default: 8000]")
    ] = None,
    context: Annotated[
        int | None,
        typer.Option(min=512, help="Tokens per conversation. [default: what model and memory hold]"),
    ] = None,
    trajectories: Annotated[
        int | None, typer.Option(min=1, help="Conversations at a time. [default: 10]")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Start nothing; show the command and a reason per flag.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Serve a model by vLLM, laid out for parallel trajectories on this machine's GPUs, until Ctrl-C."""
    from swe_scale.cli.serve import ServeWish, run_serve

    wish = ServeWish(
        model=model, arguments=tuple(arguments or ()), host=host, port=port,
        context=context, trajectories=trajectories, dry_run=dry_run,
    )  # fmt: skip
    finish(lambda: run_serve(wish, config, json=json))


@app.command(cls=Command)
@shares_options
def estimate(
    options: SolveOptions,
    issue: Annotated[
        str | None, typer.Argument(help="As for `run`: a file, -, a quoted text, or an address.")
    ] = None,
    repo: Repo = None,
    base: Base = None,
    rows: Annotated[
        str | None,
        typer.Option(metavar="DATASET|FILE", help="In place of an issue: the rows of `eval`, summed."),
    ] = None,
    repos: Annotated[Path | None, typer.Option(help="Folder with the repositories of the rows.")] = None,
    issues: Annotated[int, typer.Option(min=1, help="Rows at a time.")] = 2,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            metavar="TOKENS_PER_SECOND",
            help="Replies of your own endpoint, all together. [default: 300 to 4000]",
        ),
    ] = None,
    prefill_rate: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            metavar="TOKENS_PER_SECOND",
            help="Prompts that it reads, cached ones left out. [default: 2000 to 40000]",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say what a run would cost, with ranges: tokens, money or GPU time, sandbox time, disk."""
    from swe_scale.cli.estimate import Question, run_estimate

    question = Question(
        issue=issue, repo=repo, base=base, rows=rows, repos=repos, issues=issues,
        rate=rate, prefill_rate=prefill_rate,
    )  # fmt: skip
    finish(lambda: run_estimate(question, options, json=json))


@app.command(cls=Command)
def context(
    issue: Annotated[str, typer.Argument(help="As for `run`: a file, -, a quoted text, or an address.")],
    repo: Repo = None,
    base: Base = None,
    tokens: Annotated[int, typer.Option(min=0, help="Tokens of the files shown.")] = 120_000,
    reader_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="A model that reads files: of the configuration, or at --base-url."
        ),
    ] = None,
    base_url: Annotated[
        list[str] | None, typer.Option(help="Where it, and the model that is shown the files, are served.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model that is shown the files: its tokenizer counts.")
    ] = None,
    key_variable: Annotated[
        str | None, typer.Option(help="Environment variable that holds the key. [default: OPENAI_API_KEY]")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="mentions|graph|history|reader|order", help="Leave a step out; repeatable."),
    ] = None,
    budget: Annotated[
        list[str] | None, typer.Option(metavar="2usd|500000tokens", help="Of a reader; never exceeded.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Print which files an issue is about, why, and where the budget of tokens went."""
    from swe_scale.cli.context import Search, show_context

    options = SolveOptions(
        config=config, context_tokens=tokens, reader_model=reader_model, base_url=base_url, model=model,
        key_variable=key_variable, without=without, budget=budget,
    )  # fmt: skip
    finish(lambda: show_context(Search(issue, repo, base), options, json=json))


@app.command(cls=Command)
def demo(json: Json = False) -> None:
    """Solve a bundled issue end to end; only the model's replies are scripted."""
    from swe_scale.cli.demo import run_demo

    finish(lambda: run_demo(json=json))


@app.command(cls=Command)
def doctor(
    config: Annotated[Path | None, typer.Option(help="Configuration file.")] = None,
    base_url: Annotated[str | None, typer.Option(help="An endpoint to try.")] = None,
    model: Annotated[str | None, typer.Option(help="The model's name there.")] = None,
    json: Json = False,
) -> None:
    """Say what this machine has, what will be used, how strong it is, and how to mend what is amiss."""
    from swe_scale.cli.doctor import run_doctor

    finish(lambda: run_doctor(config, base_url, model, json=json))


app.command(cls=Several)(select)
app.command("eval", cls=Command)(evaluate)
app.command(cls=Command)(prepare)
app.command(cls=Command)(report)
app.command(cls=Command)(compare)
app.command(cls=Command)(advise)
app.command(cls=Command)(export)
app.command(cls=Command)(grade)
app.command(cls=Command)(replay)
app.add_typer(environment, name="environment")
app.add_typer(images, name="images")
app.add_typer(bot, name="bot")


@app.command(cls=Command)
def clean(
    name: Annotated[str | None, typer.Option(help="Only what this run left.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also what living runs of yours use.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Break runs that are going on.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Remove what runs that died left behind: containers, copies, processes, locks."""
    from swe_scale.cli.clean import Wish, run_clean

    finish(lambda: run_clean(Wish(name=name, all=all_, force=force), config, json=json))


def main() -> None:
    """Run the command line."""
    prepare_streams()
    allow_descriptors()
    try:
        app()
    except BrokenPipeError:
        # The reader of our output has left, as `head` does; there is nobody to tell.
        sys.stderr.close()
        sys.exit(1)
