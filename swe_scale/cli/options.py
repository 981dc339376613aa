"""The options that several commands share, declared once as the fields of a dataclass."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

_MODEL = "Model and endpoint"
_COMPUTE = "Compute"
_SANDBOX = "Sandbox and environment"


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """How issues are to be solved, as given on the command line."""

    base_url: Annotated[
        list[str] | None,
        typer.Option(
            help="An OpenAI-compatible endpoint, such as http://localhost:8000/v1; repeatable, for replicas.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    model: Annotated[
        str | None, typer.Option(help="Name of the model at that endpoint.", rich_help_panel=_MODEL)
    ] = None
    serve: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Start a vLLM server for this model; it runs as long as the command does.",
            rich_help_panel=_MODEL,
        ),
    ] = None  # fmt: skip
    key_variable: Annotated[
        str | None,
        typer.Option(
            help="Environment variable that holds the key. [default: OPENAI_API_KEY]",
            rich_help_panel=_MODEL,
        ),
    ] = None
    replies: Annotated[
        Path | None,
        typer.Option(
            help="Scripted replies instead of a model: a folder, or JSON Lines.", rich_help_panel=_MODEL
        ),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file. [default: swe-scale/config.toml in the user's folder]"),
    ] = None
    samples: Annotated[
        int | None, typer.Option(min=1, help="Trajectories. [default: 10]", rich_help_panel=_COMPUTE)
    ] = None
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COUNT", help="Trajectories of a strategy; repeatable.", rich_help_panel=_COMPUTE
        ),
    ] = None
    turns: Annotated[
        int | None,
        typer.Option(
            min=1, help="Replies per trajectory. [default: up to 8; of agents 40]", rich_help_panel=_COMPUTE
        ),
    ] = None
    reader_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A cheap model that reads files to find those that matter: of the configuration, or at "
            "--base-url. [default: none reads]",
            rich_help_panel=_MODEL,
        ),
    ] = None
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="mentions|graph|history|reader|order",
            help="Leave a step out by which files are found; repeatable.", rich_help_panel=_COMPUTE,
        ),
    ] = None  # fmt: skip
    context_tokens: Annotated[
        int | None,
        typer.Option(
            min=0, help="Tokens of the files shown. [default: fits the model]", rich_help_panel=_COMPUTE
        ),
    ] = None
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            min=0, max=2, help="Of the replies; of several, trajectories take turns. [default: 0.8]",
            rich_help_panel=_COMPUTE,
        ),
    ] = None  # fmt: skip
    effort: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help="How much a reasoning model is to think, such as high.",
            rich_help_panel=_COMPUTE,
        ),
    ] = None  # fmt: skip
    seed: Annotated[
        int | None,
        typer.Option(help="Trajectory n draws with seed + n. [default: 0]", rich_help_panel=_COMPUTE),
    ] = None
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="2usd|500000tokens|30min", help="Never exceeded; repeatable.", rich_help_panel=_COMPUTE
        ),
    ] = None
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="18:30|2026-12-01T18:30|+45min",
            help="When all of it ends, in local time unless it says otherwise; what is there is voted on.",
            rich_help_panel=_COMPUTE,
        ),
    ] = None
    triage: Annotated[
        bool | None,
        typer.Option(
            "--triage/--no-triage",
            help="Ask first whether the issue says enough to be worth it; if not, say what is missing. "
            "[default: no-triage]",
            rich_help_panel=_COMPUTE,
        ),
    ] = None
    test_rounds: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Replies to write a test of the issue in the project's layout, for the proposed patch. "
            "[default: 3 with --pr or --handover, else 0]",
            rich_help_panel=_COMPUTE,
        ),
    ] = None
    words: Annotated[
        bool | None,
        typer.Option(
            "--words/--no-words",
            help="Have a model say what the proposed patch does. [default: words with --pr or --handover]",
            rich_help_panel=_COMPUTE,
        ),
    ] = None
    selection_turns: Annotated[
        int,
        typer.Option(min=0, help="Replies to tell level finalists apart; 0: none.", rich_help_panel=_COMPUTE),
    ] = 8
    selection: Annotated[
        str,
        typer.Option(
            metavar="checks|list|none",
            help="How level finalists are told apart: by checks that a model writes, by one look at all of "
            "them, or not.",
            rich_help_panel=_COMPUTE,
        ),
    ] = "checks"
    judges: Annotated[
        int,
        typer.Option(
            min=1, max=100, help="Verdicts on level finalists, at most; each begins afresh.",
            rich_help_panel=_COMPUTE,
        ),
    ] = 1  # fmt: skip
    score_command: Annotated[
        str | None,
        typer.Option(
            metavar="CMD",
            help="A program that scores the patches, JSON in and out.",
            rich_help_panel=_COMPUTE,
        ),
    ] = None
    score_endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The same at a web address.", rich_help_panel=_COMPUTE),
    ] = None
    no_backtrack: Annotated[
        bool,
        typer.Option(
            "--no-backtrack",
            help="Leave an agent where it is when its check's result gets worse.",
            rich_help_panel=_COMPUTE,
        ),
    ] = False
    record_all: Annotated[
        bool,
        typer.Option("--record-all", help="Run every cell of candidates × checks.", rich_help_panel=_COMPUTE),
    ] = False
    record_turns: Annotated[
        bool,
        typer.Option(
            "--record-turns", help="Run the checks on the patch after every turn, too, for `replay`.",
            rich_help_panel=_COMPUTE,
        ),
    ] = False  # fmt: skip
    repeats: Annotated[
        int,
        typer.Option(
            min=1, max=99, help="Runs of a check on a candidate at most; what most of them say counts.",
            rich_help_panel=_COMPUTE,
        ),
    ] = 1  # fmt: skip
    trace_checks: Annotated[
        bool,
        typer.Option(
            "--trace-checks",
            help="Run each written Python check once more, to see if it executes what a patch changes.",
            rich_help_panel=_COMPUTE,
        ),
    ] = False  # fmt: skip
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="votes|latent|majority|medoid|codet|…|NAME",
            help="How candidates are ranked; NAME is another package's. [default: latent]",
            rich_help_panel=_COMPUTE,
        ),
    ] = None
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="fixed|adaptive|iterative-deepening|NAME",
            help="How the budget is spent. [default: fixed]",
            rich_help_panel=_COMPUTE,
        ),
    ] = None  # fmt: skip
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="resolved|cost|latency",
            help="What is worth most; then --policy is adaptive by default. [default: resolved]",
            rich_help_panel=_COMPUTE,
        ),
    ] = None
    stragglers: Annotated[
        str | None,
        typer.Option(
            metavar="wait|settled|slow", rich_help_panel=_COMPUTE,
            help="Wait for all trajectories; not for those that can't change the answer; nor for those that "
            "take three times as long as the others. [default: wait]",
        ),
    ] = None  # fmt: skip
    cascade: Annotated[
        bool,
        typer.Option(
            "--cascade", rich_help_panel=_COMPUTE,
            help="Of several models, ask the next only where those before it leave enough to gain.",
        ),
    ] = False  # fmt: skip
    min_confidence: Annotated[
        float | None,
        typer.Option(
            metavar="P", min=0, max=1, rich_help_panel=_COMPUTE,
            help="Propose nothing that is right with a lower probability.",
        ),
    ] = None  # fmt: skip
    wrong_costs: Annotated[
        float | None,
        typer.Option(
            metavar="R", min=0, rich_help_panel=_COMPUTE,
            help="A wrong patch costs R times what a right one is worth: --min-confidence R / (1 + R).",
        ),
    ] = None  # fmt: skip
    sandbox: Annotated[
        str | None,
        typer.Option(
            metavar="docker|bubblewrap|local",
            help="Where code runs; local isolates nothing. [default: the first that works]",
            rich_help_panel=_SANDBOX,
        ),
    ] = None
    network: Annotated[
        str | None,
        typer.Option(
            metavar="none|setup-only|full",
            help="What set-up may reach. [default: setup-only, which is the package registries]",
            rich_help_panel=_SANDBOX,
        ),
    ] = None
    allow_unbounded: Annotated[
        bool,
        typer.Option(
            "--allow-unbounded",
            help="Go on where a sandbox's memory, CPUs or disk can't be limited.",
            rich_help_panel=_SANDBOX,
        ),
    ] = False
    cells: Annotated[
        int | None,
        typer.Option(min=1, help="Sandboxes at a time. [default: the CPUs]", rich_help_panel=_SANDBOX),
    ] = None
    environment: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A swe-scale.toml whose [environment] is used.", rich_help_panel=_SANDBOX
        ),
    ] = None
    here: Annotated[
        bool,
        typer.Option(
            "--here",
            help="Use the checkout as it is, with what was installed in it and on this host.",
            rich_help_panel=_SANDBOX,
        ),
    ] = False
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="With --here: a server that runs already, such as one of a CI job's services; repeatable.",
            rich_help_panel=_SANDBOX,
        ),
    ] = None
    image: Annotated[
        str | None,
        typer.Option(help="A container image that is ready to use.", rich_help_panel=_SANDBOX),
    ] = None
    subdir: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="The project in question, where a repository holds several.",
            rich_help_panel=_SANDBOX,
        ),
    ] = None  # fmt: skip
    repair_rounds: Annotated[
        int,
        typer.Option(min=0, help="Replies to mend a set-up that fails; 0: none.", rich_help_panel=_SANDBOX),
    ] = 3
    regression_seconds: Annotated[
        float,
        typer.Option(
            min=0, help="For the repository's own tests, per candidate; 0: none.", rich_help_panel=_SANDBOX
        ),
    ] = 600.0
    no_format: Annotated[
        bool,
        typer.Option(
            "--no-format",
            help="Don't run the project's own formatters over candidates.",
            rich_help_panel=_SANDBOX,
        ),
    ] = False


def shares_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command whose last parameter is `options: SolveOptions` every field of it as an option."""
    return shares_options_but()(command)


def shares_options_but(*left_out: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return `shares_options` without some fields, which keep their defaults."""

    def shares(command: Callable[..., None]) -> Callable[..., None]:
        return _sharing(command, [field for field in fields(SolveOptions) if field.name not in left_out])

    return shares


def _sharing(command: Callable[..., None], shown: Sequence[Field[Any]]) -> Callable[..., None]:
    signature = inspect.signature(command)
    own = [part for name, part in signature.parameters.items() if name != "options"]
    shared = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )
        for field in shown
    ]
    names = {field.name for field in shown}

    @wraps(command)
    def wrapped(**given: Any) -> None:
        options = SolveOptions(**{name: given.pop(name) for name in names})
        command(**given, options=options)

    own = [part.replace(kind=inspect.Parameter.KEYWORD_ONLY) for part in own]
    wrapped.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {part.name: part.annotation for part in [*own, *shared]}
    del wrapped.__wrapped__
    return wrapped
