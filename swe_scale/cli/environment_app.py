"""Defines the commands on environments; what they do is imported when one of them runs."""

from pathlib import Path
from typing import Annotated

import typer

from swe_scale.cli.end import Config, Json, finish
from swe_scale.cli.help import Command

environment = typer.Typer(
    no_args_is_help=True, help="How a repository is installed and tested: found out, built, written down."
)

Repo = Annotated[str, typer.Option(metavar="PATH_OR_URL", help="The repository.")]
Base = Annotated[str | None, typer.Option(metavar="COMMIT", help="The commit. [default: HEAD]")]
Subdir = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="The project in question, where a repository holds several."),
]
File = Annotated[
    Path | None,
    typer.Option("--environment", metavar="FILE", help="A swe-scale.toml whose [environment] is used."),
]
Image = Annotated[str | None, typer.Option(help="A container image that is ready to use.")]
Here = Annotated[
    bool, typer.Option("--here", help="Use the checkout as it is, with what was installed in it.")
]
Sandbox = Annotated[
    str | None,
    typer.Option(metavar="docker|bubblewrap|local", help="Where code runs. [default: the first that works]"),
]
Network = Annotated[
    str | None,
    typer.Option(
        metavar="none|setup-only|full",
        help="What set-up may reach. [default: setup-only, which is the package registries]",
    ),
]
ProofSeconds = Annotated[
    float, typer.Option(min=0, help="For the repository's own tests, which show that it works; 0: none.")
]
BaseUrl = Annotated[
    list[str] | None, typer.Option(help="An endpoint whose model repairs what fails; repeatable.")
]
Model = Annotated[str | None, typer.Option(help="Name of the model at that endpoint.")]
Rounds = Annotated[int, typer.Option(min=0, help="Proposals of the model; 0: none.")]
Replies = Annotated[
    Path | None, typer.Option(help="Scripted replies instead of a model: a folder, or JSON Lines.")
]
KeyVariable = Annotated[
    str | None, typer.Option(help="Environment variable that holds the key. [default: OPENAI_API_KEY]")
]
Unbounded = Annotated[
    bool,
    typer.Option("--allow-unbounded", help="Go on where a sandbox's memory, CPUs or disk can't be limited."),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Try again what couldn't be built before.")]


@environment.command("build", cls=Command)
def build(
    repo: Repo = ".",
    base: Base = None,
    subdir: Subdir = None,
    file: File = None,
    image: Image = None,
    here: Here = False,
    sandbox: Sandbox = None,
    network: Network = None,
    allow_unbounded: Unbounded = False,
    proof_seconds: ProofSeconds = 300.0,
    base_url: BaseUrl = None,
    model: Model = None,
    key_variable: KeyVariable = None,
    replies: Replies = None,
    repair_rounds: Rounds = 3,
    fresh: Fresh = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Build the environment of a commit, and run the repository's own tests in it to show that it works."""
    from swe_scale.cli.environment import build_environment
    from swe_scale.cli.environment_effort import Effort
    from swe_scale.cli.options import SolveOptions

    options = SolveOptions(
        base_url=base_url, model=model, key_variable=key_variable, replies=replies, config=config,
        sandbox=sandbox, network=network, allow_unbounded=allow_unbounded, environment=file, image=image,
        subdir=subdir, here=here,
    )  # fmt: skip
    effort = Effort(proof_seconds=proof_seconds, rounds=repair_rounds, fresh=fresh)
    finish(lambda: build_environment(repo, base, options, effort, json=json))


@environment.command("show", cls=Command)
def show(
    repo: Repo = ".",
    base: Base = None,
    subdir: Subdir = None,
    file: File = None,
    image: Image = None,
    here: Here = False,
    sandbox: Sandbox = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Print how the environment would be built and where each part comes from; build nothing."""
    from swe_scale.cli.environment import show_environment
    from swe_scale.cli.options import SolveOptions

    options = SolveOptions(
        config=config, sandbox=sandbox, environment=file, image=image, subdir=subdir, here=here
    )
    finish(lambda: show_environment(repo, base, options, json=json))


@environment.command("pin", cls=Command)
def pin(
    repo: Annotated[str, typer.Option(metavar="PATH", help="The repository's work tree.")] = ".",
    base: Base = None,
    subdir: Subdir = None,
    file: File = None,
    image: Image = None,
    sandbox: Sandbox = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write there. [default: the repository's swe-scale.toml]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an uncommitted [environment], too.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Write the recipe found into `[environment]` of swe-scale.toml; other tables stay as they are."""
    from swe_scale.cli.environment_pin import Goal, pin_environment
    from swe_scale.cli.options import SolveOptions

    options = SolveOptions(config=config, sandbox=sandbox, environment=file, image=image, subdir=subdir)
    goal = Goal(out=out.absolute() if out else None, force=force)
    finish(lambda: pin_environment(repo, base, options, goal, json=json))
