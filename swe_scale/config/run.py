"""The configuration file, and the settings of one run made from it and the options."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from swe_scale.config.base import Config
from swe_scale.config.github import GitHubConfig
from swe_scale.config.models import AnthropicEndpoint, ModelConfig, Price, Serve, StageSampling
from swe_scale.config.prior import PriorConfig
from swe_scale.config.sandbox import Limits, Network, SandboxConfig
from swe_scale.config.scoring import ScoreConfig
from swe_scale.config.strategies import Exec, Prompted, StrategyConfig, own_model, standing_for

_UNSAID: Mapping[str, object] = {
    "record_turns": False,
    "trace_checks": False,
    "repeats": 1,
    "rule": "votes",
    "policy": "fixed",
    "objective": "resolved",
    "min_confidence": 0.0,
    "triage": False,
    "stragglers": "wait",
    "cascade": False,
    "selection": "checks",
    "judges": 1,
    "score": None,
    "prior": None,
    "test_rounds": 0,
    "words": False,
}
"""Settings that came later, with what held before: runs made then are found under these."""


class Budget(Config):
    """What one issue may cost; None is no bound."""

    usd: float | None = Field(default=None, gt=0)
    """US dollars, by the prices that are set."""
    tokens: int | None = Field(default=None, gt=0)
    """Of prompts and replies together."""
    minutes: float | None = Field(default=None, gt=0)
    """Wall clock."""


class ContextSteps(Config):
    """How the files are found that models are shown; each step can be left out."""

    mentions: bool = True
    """Files, modules, frames of a traceback and names of code that the issue speaks of."""
    graph: bool = True
    """What files that match import, and whose names they use."""
    history: bool = True
    """Commits before the base commit: those like the issue, recent ones, files changed together."""
    reader: bool = True
    """A reader model, where one is named, reads what may matter."""
    rounds: int = Field(default=3, ge=0, le=100)
    """Times that a model orders what was read; the orders are merged. 0: none."""
    reading: float = Field(default=0.3, gt=0, le=1)
    """Most tokens that the reader is shown, in those of all code but tests; of little code, all."""
    share: float = Field(default=0.2, gt=0, le=1)
    """Most of an issue's budget that reading and ordering take: of tokens, of money, of minutes."""


Selection = Literal["checks", "list", "none"]
"""How level finalists are told apart by a model: by checks that it writes, by one look at all, or not."""
Stage = Literal[
    "environment", "plan", "reader", "triage", "trajectory", "selection", "test", "words", "images"
]
"""What a model is used for. Those of reader, triage, test, words and images need not be there."""
Objective = Literal["resolved", "cost", "latency"]
"""What is worth most: a right patch, few replies, or to have it soon."""

_WRITING = 1.25
"""Price of a token that Anthropic keeps for five minutes, in those of one that it doesn't."""


class UserConfig(Config):
    """The configuration file: `--config FILE`, otherwise `swe-scale/config.toml` in the user's folder."""

    models: Mapping[str, ModelConfig] = {}
    """Named endpoints; `default` is used where a stage names none."""
    context: ContextSteps = ContextSteps()
    """How the files are found that models are shown."""
    stages: Mapping[Stage, str | Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    """Which named endpoint a stage uses; of several, trajectories take turns, and a selection asks all. Files
    are read by a model only where one is named for `reader`; triage, test and words ask the trajectories'
    where none is. Images of an issue are looked at only where a model that can see is named for `images`."""
    sampling: Mapping[Stage, StageSampling] = {}
    strategies: Mapping[str, StrategyConfig] = {}
    """Named strategies, for `--strategy NAME=COUNT`."""
    serve: Serve = Serve()
    sandbox: SandboxConfig | None = None
    """Where code runs. None: Docker where it answers, otherwise bubblewrap."""
    network: Network = Network()
    limits: Limits = Limits()
    prices: Mapping[str, Price] = {}
    """By the model's name as the endpoint knows it."""
    github: GitHubConfig = GitHubConfig()
    triage: bool = False
    """Whether it is asked, before anything else is spent on an issue, if it says enough to be worth it."""
    score: ScoreConfig | None = None
    """A verifier that gives candidates scores. None: there is none."""
    prior: PriorConfig | None = None
    """What is known of issues like these before. None: what is assumed otherwise."""

    @field_validator("network")
    @classmethod
    def _guarded(cls, value: Network) -> Network:
        if value.mode == "full":
            raise ValueError("the whole network is given by the option --network full alone")
        return value


class RunConfig(Config):
    """The settings of one run, as written to its folder; they decide what is reused on resume."""

    models: Mapping[Stage, Annotated[tuple[ModelConfig, ...], Field(min_length=1)]]
    sampling: Mapping[Stage, StageSampling] = {}
    sandbox: SandboxConfig
    network: Network = Network()
    strategies: Mapping[str, int]
    """Trajectories per strategy, in this order."""
    named: Mapping[str, StrategyConfig] = {}
    """What these names stand for; one that isn't here comes from another package."""
    strategy_models: Mapping[str, ModelConfig] = {}
    """By strategy, for those that name a model of their own."""
    variants: Mapping[str, str] = {}
    """Texts of the prompt variants that the strategies name, as they were when the run was made."""
    turns: int = Field(ge=1)
    """Replies per trajectory of those that check and revise, which show whole changes in one reply."""
    agent_turns: int | None = Field(default=None, ge=1)
    """Of all others, which take a step per reply. None: as many."""
    context_tokens: int = Field(ge=0)
    """Budget of the files shown."""
    context: ContextSteps = ContextSteps()
    """How they are found."""
    issue_tokens: int | None = Field(default=None, ge=0)
    """Longest issue text shown; a longer one is cut. None: any."""
    record_all: bool = False
    """Run every cell of candidates × checks, not only those that the rule needs."""
    record_turns: bool = False
    """Run the checks on the patch after every turn as well, once the search is over."""
    trace_checks: bool = False
    """Run each written check once more, on the untouched code, to see which lines it executes."""
    repeats: int = Field(default=1, ge=1, le=99)
    """Runs at most of each cell that votes; what most of them say counts."""
    rule: str = "latent"
    """How candidates are ranked: one of ours, or one that another package offers."""
    policy: str = "fixed"
    """How the budget is spent, likewise."""
    objective: Objective = "resolved"
    """What the policy `adaptive` aims at first."""
    stragglers: Literal["wait", "settled", "slow"] = "wait"
    """What becomes of the last trajectories: all are waited for; those aren't that can't change the answer;
    nor those that take far longer than the others."""
    cascade: bool = False
    """Whether a further model is asked only where those before it leave enough to gain."""
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    """Probability of being right below which nothing is proposed."""
    triage: bool = False
    """Whether it is asked first if the issue says enough to be worth it."""
    selection: Selection = "checks"
    """How level finalists are told apart."""
    selection_turns: int = Field(default=8, ge=0)
    """Replies of each verdict; 0: none is asked for."""
    judges: int = Field(default=1, ge=1, le=100)
    """Verdicts on level finalists, of each model that is asked, at most."""
    score: ScoreConfig | None = None
    """A verifier that gives candidates scores. None: there is none."""
    prior: PriorConfig | None = None
    """What is known of issues like these before. None: what is assumed otherwise."""
    limits: Limits = Limits()
    repair_rounds: int = Field(default=3, ge=0)
    """Proposals of a model for an environment whose set-up fails."""
    regression_seconds: float = Field(default=600.0, ge=0)
    """Wall clock for the repository's own tests per candidate; 0 leaves them out."""
    backtrack: bool = True
    """Whether an agent is put back to its best state after its check's result got worse twice."""
    format: bool = True
    """Whether the project's own formatter and hooks are run over every candidate."""
    test_rounds: int = Field(default=0, ge=0)
    """Replies in which a test of the issue is written for the proposed patch; 0: it isn't asked for one."""
    words: bool = False
    """Whether a model says what the proposed patch does, for who is to take it."""
    cells: int = Field(default=2, ge=1)
    """Sandboxes at a time."""
    prices: Mapping[str, Price] = {}
    budget: Budget = Budget()
    deadline: AwareDatetime | None = None
    """When every issue has come to its end, or isn't begun any more. None: no such moment."""

    def identity(self) -> str:
        """Return what results depend on, as JSON: all but how fast they are found and what they cost.

        Settings that came later are left out where they are as it was before, so that such runs are found.
        """
        unset = {name for name, before in _UNSAID.items() if getattr(self, name) == before}
        return self.model_dump_json(exclude={"cells", "prices", "deadline"} | unset)

    def turns_of(self, strategy: str) -> int:
        """Return how many replies a trajectory may have; of a command-line agent, requests."""
        match standing_for(strategy, self.named):
            case Exec(requests=requests):
                return requests
            case Prompted(turns=int(turns)):
                return turns
            case Prompted(kind="revise" | "check"):
                return self.turns
            case _:
                return self.agent_turns or self.turns

    def sampling_of(self, stage: Stage) -> StageSampling:
        """Return how the replies of a stage are drawn."""
        return self.sampling.get(stage, StageSampling())

    @field_validator("prices")
    @classmethod
    def _with_writing(cls, value: Mapping[str, Price], info: ValidationInfo) -> Mapping[str, Price]:
        """Add what Anthropic takes for writing to its cache, so that no bound is too low."""
        served = [one for several in info.data.get("models", {}).values() for one in several]
        dear = {one.model for one in served if isinstance(one, AnthropicEndpoint)}
        return {
            name: price.model_copy(update={"written": price.prompt * _WRITING})
            if name in dear and price.written is None
            else price
            for name, price in value.items()
        }

    @property
    def verdicts(self) -> int:
        """Verdicts on level finalists at most, of all models that are asked."""
        alone = self.selection == "none" or self.selection_turns == 0
        return 0 if alone else self.judges * len(self.models.get("selection", ()))

    @property
    def asked(self) -> dict[str, tuple[ModelConfig, ...]]:
        """Every model that is asked: by stage, and by `strategies.NAME` those that are a strategy's own."""
        return asked_models(self.models, self.strategy_models)


def asked_models(
    staged: Mapping[Stage, tuple[ModelConfig, ...]], own: Mapping[str, ModelConfig]
) -> dict[str, tuple[ModelConfig, ...]]:
    """Return every model that is asked, by the name under which it is: see `RunConfig.asked`."""
    found: dict[str, tuple[ModelConfig, ...]] = dict(staged.items())
    return found | {own_model(name): (model,) for name, model in own.items()}
