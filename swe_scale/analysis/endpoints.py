"""Finds out what an estimate must know of the endpoints, at the price of a look at their lists of models."""

import ipaddress
from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple
from urllib.parse import urlsplit

import anyio

from swe_scale.config import (
    AnthropicEndpoint,
    ModelConfig,
    OpenAIEndpoint,
    Pool,
    Price,
    ScriptedReplies,
)
from swe_scale.errors import ModelError
from swe_scale.models.directory import find
from swe_scale.models.endpoint import endpoint_of
from swe_scale.models.openai import DEFAULT_CONTEXT, connected
from swe_scale.records import Record

_SECONDS = 10.0
"""How long one endpoint's answer is waited for."""


class Served(Record):
    """What is known of a model's endpoint."""

    model: str
    length: int
    """Tokens of context: told, configured or assumed."""
    told: bool
    """Whether the length is more than an assumption."""
    tools: bool = False
    price: Price | None = None
    replicas: int = 1
    own: bool = False
    """Whether it is on one's own machines, where time counts and not tokens."""
    scripted: bool = False
    """Whether replies are there at once, for nothing."""
    writes: bool = False
    """Whether tokens that go to the cache have a price of their own."""


class Looked(NamedTuple):
    """What is known of the endpoints of every stage, and of every strategy that has one of its own."""

    served: Mapping[str, tuple[Served, ...]]
    notes: tuple[str, ...]
    """What could not be found out, and what is assumed in its place."""

    @property
    def shortest(self) -> int:
        """The shortest context, to which a run's settings are fitted; a reader reads in windows."""
        several = (found for stage, found in self.served.items() if stage != "reader")
        return min(one.length for one in chain.from_iterable(several))


class _Length(NamedTuple):
    tokens: int
    told: bool
    note: str = ""


async def look(
    configured: Mapping[str, tuple[ModelConfig, ...]], prices: Mapping[str, Price], own: bool = False
) -> Looked:
    """Return what is known of the configured models.

    Where no context length is configured, the endpoint's list of models is asked for it, and nothing else.
    An endpoint that can't be asked is no error: the length that a run would assume is taken, and a note
    says so.

    Args:
        configured: by what asks them.
        prices: by the model's name.
        own: whether endpoints are one's own, wherever they are.
    """
    lengths: dict[str, _Length] = {}
    for config in chain.from_iterable(configured.values()):
        name = config.model_dump_json()
        if name not in lengths:
            lengths[name] = await _length(config)
    served = {
        stage: tuple(_served(one, lengths[one.model_dump_json()], prices, own) for one in several)
        for stage, several in configured.items()
    }
    return Looked(served, tuple(dict.fromkeys(one.note for one in lengths.values() if one.note)))


def _served(config: ModelConfig, length: _Length, prices: Mapping[str, Price], own: bool) -> Served:
    several: tuple[OpenAIEndpoint | AnthropicEndpoint, ...] = ()
    match config:
        case Pool():
            several = config.endpoints
        case OpenAIEndpoint() | AnthropicEndpoint():
            several = (config,)
    return Served(
        model=config.model,
        length=length.tokens,
        told=length.told,
        tools=any(one.tools for one in several),
        price=prices.get(config.model),
        replicas=max(1, len(several)),
        own=bool(several) and all(own or _is_own(one.base_url) for one in several),
        scripted=isinstance(config, ScriptedReplies),
        writes=isinstance(config, AnthropicEndpoint),
    )


def _is_own(base_url: str) -> bool:
    """Return whether an address is of this machine or of its neighbours."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan"))


async def _length(config: ModelConfig) -> _Length:
    match config:
        case Pool():
            # A run goes by those that answer.
            found = [await _length(one) for one in config.endpoints]
            return min(found, key=lambda one: (not one.told, one.tokens))
        case OpenAIEndpoint(context_length=None):
            return await _asked(config)
        case _:
            told = config.context_length is not None or isinstance(config, ScriptedReplies)
            return _Length(config.context_length or DEFAULT_CONTEXT, told)


async def _asked(config: OpenAIEndpoint) -> _Length:
    try:
        with anyio.fail_after(_SECONDS):
            async with connected(config) as client:
                told = (await find(client, endpoint_of(config))).context_length
    except TimeoutError:
        why = f"{config.model} didn't answer within {_SECONDS:g} s"
    except ModelError as error:
        why = str(error).partition("\n")[0]
    else:
        if told is not None:
            return _Length(told, True)
        why = f"{config.model} doesn't tell its context length"
    note = f"{why}; a context of {DEFAULT_CONTEXT:,} tokens is assumed. Set context_length if it has another."
    return _Length(DEFAULT_CONTEXT, False, note)
