"""The strategies that a user names: one of ours with what sets its trajectories apart, or any agent."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from swe_scale.config.base import Config

Start = Literal["scratch", "plan", "notes", "best"]
"""What a trajectory is given to begin with."""


class Prompted(Config):
    """A strategy of ours: a model that is asked turn by turn."""

    kind: Literal["revise", "agent", "check"]
    model: str | None = Field(default=None, min_length=1)
    """Name of an endpoint of the configuration. None: those of the stage."""
    variant: str | None = Field(default=None, min_length=1)
    """Name of a prompt variant, or a file of the user's. None: none."""
    turns: int | None = Field(default=None, ge=1)
    """Replies per trajectory. None: those of the run."""
    start: Start = "scratch"
    """`plan`: a plan of its own, from observations combined (PlanSearch, arXiv 2409.03733). `notes`: what
    earlier trajectories tried and what failed. `best`: the tree and check of the best of them as well."""


class Exec(Config):
    """A command-line agent, run in the sandbox; its diff is taken from outside."""

    kind: Literal["exec"]
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """Program and arguments. Filled in are `{model}`, `{base_url}` (with its `/v1`), `{address}` (without),
    `{prompt}` (the task's text), `{issue}` (path of a file with it), `{workdir}` and `{home}`."""
    setup: tuple[str, ...] = ()
    """Shell lines that install the agent when the environment is built, with set-up's network."""
    variables: Mapping[str, str] = {}
    """For the command; the same words are filled in. No secrets: the key stays outside."""
    issue: Literal["stdin", "file"] = "stdin"
    """Whether it gets the task on standard input; the file is there in either case."""
    model: str | None = Field(default=None, min_length=1)
    """Name of an endpoint of the configuration. None: that of the stage."""
    seconds: float = Field(default=1800.0, gt=0)
    """Wall clock."""
    requests: int = Field(default=100, ge=1)
    """Requests to the model."""
    usd: float | None = Field(default=None, gt=0)
    """What its requests may cost, beside the budget of the issue."""
    transcript: str | None = Field(default=None, min_length=1)
    """File in the work tree or its home that it writes its own account to; kept if it is there."""
    own: tuple[str, ...] = ()
    """Patterns of files in the work tree that are its own, such as `.aider*`, and no part of its changes."""


StrategyConfig = Annotated[Prompted | Exec, Field(discriminator="kind")]

OWN_STRATEGIES: Mapping[str, Prompted] = {
    "revise": Prompted(kind="revise"),
    "agent": Prompted(kind="agent"),
    "plan": Prompted(kind="revise", start="plan"),
    "refine": Prompted(kind="revise", start="notes"),
    "fork": Prompted(kind="agent", start="best"),
    "check": Prompted(kind="check"),
}
"""Those that are there without any configuration."""


def standing_for(strategy: str, named: Mapping[str, StrategyConfig]) -> StrategyConfig | None:
    """Return what a strategy's name stands for; None where only another package may know it."""
    return named.get(strategy) or OWN_STRATEGIES.get(strategy)


def own_model(strategy: str) -> str:
    """Return the name under which a strategy's own model is kept beside those of the stages."""
    return f"strategies.{strategy}"
