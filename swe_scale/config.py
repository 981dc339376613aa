"""What the user sets: the configuration file, and the settings of one run made from it and the options."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from swe_scale.errors import UsageError


class Config(BaseModel):
    """A frozen section of the configuration that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenAIEndpoint(Config):
    """A server that speaks the OpenAI chat protocol: vLLM, Ollama, llama.cpp, a hosted model."""

    kind: Literal["openai"] = "openai"
    base_url: str
    """For instance `http://localhost:8000/v1`."""
    model: str
    key_variable: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; the key itself is never stored."""
    context_length: int | None = Field(default=None, ge=512)
    """Tokens that prompt and reply may have together. None: asked of the server."""
    timeout: float = Field(default=600.0, gt=0)
    """Seconds for one call."""
    max_in_flight: int = Field(default=256, ge=1)
    """Requests at a time; the openai client fails near 2,000."""
    retries: int = Field(default=4, ge=0)
    """Further tries of a call that failed in a passing way."""

    @field_validator("base_url")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if "@" in value.partition("://")[2].partition("/")[0]:
            raise ValueError("an address must hold no user name or password; use the key's variable")
        return value


class ScriptedReplies(Config):
    """Replies from files, addressed by step: for tests, the demo and replay. Never a real model."""

    kind: Literal["scripted"] = "scripted"
    replies: Path
    """A folder `trajectory/03/turn/05.md`, or a JSON Lines file of `{"step", "text"}`."""
    model: str = "scripted"
    context_length: int | None = 131_072


ModelConfig = Annotated[OpenAIEndpoint | ScriptedReplies, Field(discriminator="kind")]


class Docker(Config):
    """Containers of a Docker or Podman service."""

    kind: Literal["docker"] = "docker"
    base_url: str | None = None
    """The service's socket. None: as the environment says."""
    runtime: str | None = None
    """An OCI runtime other than the service's default, for instance `runsc`."""
    mode: Literal["fork", "strict"] = "fork"
    """`fork`: cells take turns in containers, each in namespaces of its own. `strict`: a container each."""
    warm: int = Field(default=2, ge=1)
    """Containers that `strict` starts ahead of need."""
    as_root: bool = False
    """Run commands as the image's root, without its powers, even where an ordinary user would do."""
    allow_unbounded: bool = False
    """Go on where the kernel can't hold a limit."""
    base_image: str = "python:3.11"
    """The image in which a repository's environment is built when none is named."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds that the service may take for one small call, such as to start a container."""
    pull_timeout: float = Field(default=600.0, gt=0)
    """Seconds that a pull may go on without a word from the service before it is tried again."""


class Bubblewrap(Config):
    """Namespaces on this host, without a service."""

    kind: Literal["bubblewrap"] = "bubblewrap"
    python: str | None = None
    """Interpreter for the environment. None: the one that runs swe-scale."""
    allow_unbounded: bool = False
    """Go on where the kernel can't hold a limit."""


class Local(Config):
    """No isolation at all: for tests and for jobs that are themselves disposable."""

    kind: Literal["local"] = "local"
    python: str | None = None


SandboxConfig = Annotated[Docker | Bubblewrap | Local, Field(discriminator="kind")]


_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


class Network(Config):
    """What set-up may reach; solving reaches nothing."""

    mode: Literal["none", "setup-only", "full"] = "setup-only"
    """`none`: nothing. `setup-only`: the registries of this machine's package clients, and `setup_hosts`.
    `full`: everything that this machine reaches, by `--network full` alone."""
    setup_hosts: tuple[str, ...] = ()
    """Further public hosts for set-up: `host` (ports 80 and 443), `host:port`, or `*.domain`."""

    @field_validator("setup_hosts")
    @classmethod
    def _plain_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is not a host; write host, host:port or *.domain")
        return value


class Limits(Config):
    """What one command in a sandbox may use."""

    seconds: float = Field(default=300.0, gt=0)
    """Wall clock."""
    memory: int = Field(default=4 * 1024**3, ge=16 * 1024**2)
    """Bytes."""
    cpus: float = Field(default=1.0, gt=0)
    pids: int = Field(default=512, ge=8)
    disk: int = Field(default=2 * 1024**3, ge=1024**2)
    """Bytes that it may write, where the backend can hold it."""
    output: int = Field(default=64 * 1024, ge=256)
    """Bytes of output that are kept, head and tail."""


class Price(Config):
    """US dollars per million tokens."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)
    """Prompt tokens from the server's cache. None: as `prompt`."""


class GitHubConfig(Config):
    """Where issues are read from."""

    api: str = "https://api.github.com"
    token_variable: str = "GITHUB_TOKEN"
    """Name of the environment variable with a token; without one, public issues are read without it."""


class Budget(Config):
    """What one issue may cost; None is no bound."""

    usd: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    minutes: float | None = Field(default=None, gt=0)


Stage = Literal["trajectory", "selection"]
"""What a model is used for."""


class UserConfig(Config):
    """The configuration file: `--config FILE`, otherwise `swe-scale/config.toml` in the user's folder."""

    models: Mapping[str, ModelConfig] = {}
    """Named endpoints; `default` is used where a stage names none."""
    stages: Mapping[Stage, str] = {}
    """Which named endpoint a stage uses."""
    sandbox: SandboxConfig | None = None
    network: Network = Network()
    limits: Limits = Limits()
    prices: Mapping[str, Price] = {}
    """By the model's name as the endpoint knows it."""
    github: GitHubConfig = GitHubConfig()

    @field_validator("network")
    @classmethod
    def _guarded(cls, value: Network) -> Network:
        if value.mode == "full":
            raise ValueError("the whole network is given by the option --network full alone")
        return value


class RunConfig(Config):
    """The settings of one run, as written to its folder; they decide what is reused on resume."""

    models: Mapping[Stage, ModelConfig]
    sandbox: SandboxConfig
    network: Network = Network()
    strategies: Mapping[str, int]
    """Trajectories per strategy, in this order."""
    turns: int = Field(ge=1)
    """Replies per trajectory."""
    context_tokens: int = Field(ge=0)
    """Budget of the files shown."""
    reply_tokens: int = Field(default=4096, ge=16)
    """Longest reply."""
    temperature: float = Field(default=0.8, ge=0, le=2)
    seed: int = 0
    record_all: bool = False
    """Run every cell of candidates × checks, not only those that the rule needs."""
    selection_turns: int = Field(default=8, ge=0)
    limits: Limits = Limits()
    regression_seconds: float = Field(default=600.0, ge=0)
    """Wall clock for the repository's own tests per candidate; 0 leaves them out."""
    cells: int = Field(default=2, ge=1)
    """Sandboxes at a time."""
    prices: Mapping[str, Price] = {}
    budget: Budget = Budget()


def user_folder() -> Path:
    """Return the folder of the user's own configuration."""
    return _place("XDG_CONFIG_HOME", ".config") / "swe-scale"


def cache_folder() -> Path:
    """Return the folder in which environments and executions are kept across runs."""
    return _place("XDG_CACHE_HOME", ".cache") / "swe-scale"


def _place(variable: str, below_home: str) -> Path:
    """Return the folder that a variable names; one that isn't absolute counts as unset, as XDG wants it."""
    named = Path(os.environ.get(variable, ""))
    if named.is_absolute():
        return named
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() has no answer where there is none
    if not home.is_absolute():
        raise UsageError(f"there is no home folder: set HOME, or {variable}, to an absolute path.")
    return home / below_home


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content.

    Raises:
        UsageError: it can't be read, or isn't TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


_PLAIN = {"extra_forbidden": "there is no such field", "union_tag_not_found": "its kind is missing"}
"""Faults that the validating library names in words of its own."""


def explain(error: ValidationError) -> str:
    """Return what is wrong, one fault per line, each with the place of its field."""
    faults = error.errors(include_url=False, include_input=False)
    return "\n".join(
        f"  {'.'.join(str(part) for part in fault['loc'])}: {_PLAIN.get(fault['type'], fault['msg'])}"
        for fault in faults
    )


def load_user_config(path: Path | None) -> UserConfig:
    """Return the user's configuration; the default one where there is no file.

    Raises:
        UsageError: a named file is missing, or a field is unknown or of the wrong form.
    """
    chosen = path or user_folder() / "config.toml"
    if path is None and not chosen.is_file():
        return UserConfig()
    try:
        return UserConfig.model_validate(read_toml(chosen))
    except ValidationError as error:
        raise UsageError(f"{chosen} is not a valid configuration:\n{explain(error)}") from error


def dump_toml(config: Config) -> str:
    """Return the configuration as TOML; fields that are None are left out."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
