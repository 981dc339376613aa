"""What the user sets: the configuration file, and the settings of one run made from it and the options."""

from swe_scale.config.base import Config
from swe_scale.config.files import cache_folder, dump_toml, explain, load_user_config, read_toml, user_folder
from swe_scale.config.github import GitHubConfig
from swe_scale.config.models import (
    AnthropicEndpoint,
    Endpoint,
    ModelConfig,
    OpenAIEndpoint,
    Pool,
    Price,
    ScriptedReplies,
    Serve,
    StageSampling,
)
from swe_scale.config.offered import OWN_ENDPOINTS, OWN_SANDBOXES, OfferedModel, OfferedSandbox
from swe_scale.config.prior import PriorConfig
from swe_scale.config.run import (
    Budget,
    ContextSteps,
    Objective,
    RunConfig,
    Selection,
    Stage,
    UserConfig,
    asked_models,
)
from swe_scale.config.sandbox import Bubblewrap, Docker, Limits, Local, Network, SandboxConfig
from swe_scale.config.scoring import SCORE_KEY, ScoreCommand, ScoreConfig, ScoreEndpoint
from swe_scale.config.strategies import (
    OWN_STRATEGIES,
    Exec,
    Prompted,
    Start,
    StrategyConfig,
    own_model,
    standing_for,
)

__all__ = [
    "OWN_ENDPOINTS",
    "OWN_SANDBOXES",
    "OWN_STRATEGIES",
    "SCORE_KEY",
    "AnthropicEndpoint",
    "Bubblewrap",
    "Budget",
    "Config",
    "ContextSteps",
    "Docker",
    "Endpoint",
    "Exec",
    "GitHubConfig",
    "Limits",
    "Local",
    "ModelConfig",
    "Network",
    "Objective",
    "OfferedModel",
    "OfferedSandbox",
    "OpenAIEndpoint",
    "Pool",
    "Price",
    "PriorConfig",
    "Prompted",
    "RunConfig",
    "SandboxConfig",
    "ScoreCommand",
    "ScoreConfig",
    "ScoreEndpoint",
    "ScriptedReplies",
    "Selection",
    "Serve",
    "Stage",
    "StageSampling",
    "Start",
    "StrategyConfig",
    "UserConfig",
    "asked_models",
    "cache_folder",
    "dump_toml",
    "explain",
    "load_user_config",
    "own_model",
    "read_toml",
    "standing_for",
    "user_folder",
]
