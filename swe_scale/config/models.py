"""Where models are served, how their replies are drawn, and what they cost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from swe_scale.config.base import Config
from swe_scale.config.offered import OFFERED, OWN_ENDPOINTS, OfferedModel, told_apart


def without_password(value: str) -> str:
    """Return an address as it is.

    Raises:
        ValueError: it holds a user name or a password.
    """
    if "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError("an address must hold no user name or password; use the key's variable")
    return value


class Endpoint(Config):
    """What all kinds of endpoints have."""

    model: str
    """Its name, as the server knows it."""
    key_file: Path | None = None
    """A file that holds the key, in place of the variable."""
    timeout: float = Field(default=600.0, gt=0)
    """Seconds for one call."""
    stall: float = Field(default=120.0, gt=0)
    """Seconds without a word after which a streamed reply, once begun, is given up."""
    retries: int = Field(default=4, ge=0)
    """Further tries of a call that failed in a passing way."""
    tools: bool = False
    """Let strategies that can do so use the protocol's tool calls in place of text."""
    extra_body: Mapping[str, Any] = {}
    """Further fields of every request, for instance `chat_template_kwargs`."""


class OpenAIEndpoint(Endpoint):
    """A server that speaks the OpenAI chat protocol: vLLM, Ollama, llama.cpp, a hosted model."""

    kind: Literal["openai"] = "openai"
    base_url: str
    """For instance `http://localhost:8000/v1`."""
    key_variable: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; the key itself is never stored."""
    context_length: int | None = Field(default=None, ge=512)
    """Tokens that prompt and reply may have together. None: asked of the server."""
    max_in_flight: int = Field(default=256, ge=1)
    """Requests at a time, at most; the openai client fails near 2,000."""
    stream: bool | None = None
    """Whether replies come as they are written. None: not from vLLM, which drops the request of a client
    that left either way and costs this process less so; from all others."""
    tokenizer: Path | None = None
    """The model's `tokenizer.json`, for a server that counts no tokens. None: looked for among what Hugging
    Face's tools have downloaded."""

    _without_password = field_validator("base_url")(without_password)


class AnthropicEndpoint(Endpoint):
    """Anthropic's own protocol, where a prefix is cached on request; needs the extra `anthropic`."""

    kind: Literal["anthropic"] = "anthropic"
    base_url: str = "https://api.anthropic.com"
    """Address of the service, or of a gateway that speaks its protocol."""
    key_variable: str = "ANTHROPIC_API_KEY"
    """Name of the environment variable that holds the key; the key itself is never stored."""
    context_length: int = Field(default=200_000, ge=512)
    """Tokens that prompt and reply may have together; less where the service says so."""
    max_in_flight: int = Field(default=32, ge=1)
    """Requests at a time, at most."""

    _without_password = field_validator("base_url")(without_password)


class Pool(Config):
    """Several endpoints that serve the same model; each issue stays at one of them while it is well."""

    kind: Literal["pool"] = "pool"
    endpoints: tuple[OpenAIEndpoint, ...] = Field(min_length=1)
    """One table each; `kind` may be left out."""

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.endpoints[0].model

    @field_validator("endpoints")
    @classmethod
    def _alike(cls, value: tuple[OpenAIEndpoint, ...]) -> tuple[OpenAIEndpoint, ...]:
        if len({one.model for one in value}) > 1:
            raise ValueError("all endpoints of a pool must serve one model; give others a name of their own")
        if len({one.base_url for one in value}) < len(value):
            raise ValueError("an address stands there twice")
        return value


class ScriptedReplies(Config):
    """Replies from files, addressed by step: for tests, the demo and replay. Never a real model."""

    kind: Literal["scripted"] = "scripted"
    replies: Path
    """A folder `trajectory/03/turn/05.md`, or a JSON Lines file of `{"step", "text"}`."""
    model: str = "scripted"
    """Name under which its tokens are booked."""
    context_length: int | None = 131_072
    """Tokens that prompt and reply may have together."""


ModelConfig = Annotated[
    Annotated[OpenAIEndpoint, Tag("openai")]
    | Annotated[AnthropicEndpoint, Tag("anthropic")]
    | Annotated[Pool, Tag("pool")]
    | Annotated[ScriptedReplies, Tag("scripted")]
    | Annotated[OfferedModel, Tag(OFFERED)],
    Discriminator(told_apart(*OWN_ENDPOINTS)),
]


class Serve(Config):
    """How `swe-scale serve` starts a server of our own."""

    command: tuple[str, ...] = Field(default=("vllm", "serve"), min_length=1)
    """What is run; the model follows, or stands where a word says `{model}`; then our settings."""
    arguments: tuple[str, ...] = ()
    """Further arguments, which win over ours."""
    variables: Mapping[str, str] = {}
    """Further environment variables of the server."""
    host: str = "127.0.0.1"
    """Address on which it listens."""
    port: int = Field(default=8000, ge=0, le=65_535)
    """0: any that is free."""
    trajectories: int = Field(default=10, ge=1)
    """Conversations at a time that it is laid out for."""
    context: int | None = Field(default=None, ge=512)
    """Tokens of context wanted per conversation. None: as much as the model has and the memory holds."""
    start_seconds: float = Field(default=900.0, gt=0)
    """Seconds within which it must answer."""
    restarts: int = Field(default=5, ge=0)
    """Crashes in a row after which it is given up."""


class StageSampling(Config):
    """How the replies of a stage are drawn; None leaves a setting to the server."""

    temperature: tuple[Annotated[float, Field(ge=0, le=2)], ...] = (0.8,)
    """A ladder that trajectories take in turn; empty: the server's own."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Drawn from the most probable tokens that together have this probability."""
    top_k: int | None = Field(default=None, ge=1)
    """Drawn from so many of the most probable tokens."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    """Drawn from tokens with at least this share of the most probable one's probability."""
    effort: str | None = None
    """How much a reasoning model is to think, in the server's own word: `low`, `medium`, `high`, …"""
    seed: int = 0
    """Trajectory n draws with seed + n."""
    reply_tokens: int | None = Field(default=None, ge=16)
    """Longest reply. None: an eighth of the context, at most 8,192."""
    logprobs: bool = False
    """Keep the log-probabilities of replies, where the server gives them."""


class Price(Config):
    """US dollars per million tokens."""

    prompt: float = Field(ge=0)
    """What is sent."""
    completion: float = Field(ge=0)
    """What is replied, reasoning with it."""
    cached: float | None = Field(default=None, ge=0)
    """Prompt tokens from the server's cache. None: as `prompt`."""
    written: float | None = Field(default=None, ge=0)
    """Prompt tokens that are put into a cache. None: as `prompt`; of Anthropic's models, 1.25 times that."""
