"""A model behind Anthropic's own protocol, through the official client with our own patience."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import httpx2
from anthropic import (
    AnthropicError,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncAnthropic,
    BadRequestError,
    DefaultAsyncHttpxClient,
    Timeout,
)

from swe_scale.config import AnthropicEndpoint
from swe_scale.errors import Interrupted, ModelError
from swe_scale.models.blocks import Blocks, parse
from swe_scale.models.catalogue import Listed, find
from swe_scale.models.endpoint import Endpoint, endpoint_of
from swe_scale.models.faults import Unavailable, Unreachable, broken, refused
from swe_scale.models.messages import OPTIONAL, SAMPLED, Body, body_of
from swe_scale.models.reply import Answer
from swe_scale.models.served import Asked, ServedModel, address, gather, unbroken
from swe_scale.models.warming import FirstAlone
from swe_scale.records import Request
from swe_scale.retry import retrying

__all__ = ["AnthropicModel", "open_anthropic", "translate"]

_NO_KEY = "none"
"""Sent where no key is set: a server on one's own machine may need none, but the client insists."""
_CONNECT_SECONDS = 30.0
_ENTRY_SECONDS = 30.0
_WARMING_SECONDS = 60.0
"""For which siblings wait, at most, until the first reply to their prefix has begun."""
_LAST_SAMPLED: Final = "2023-06-01"
"""The protocol's last version with a temperature; the models of that time still take it."""
_NAMES = {"format": r"(?i)output_(config\.)?format\b|structured output|json.schema"}
"""How a refusal names a setting whose name alone is an everyday word."""


class AnthropicModel(ServedModel):
    """One model of Anthropic's. Made by `open_anthropic`."""

    foreign = AnthropicError

    def __init__(
        self, client: AsyncAnthropic, endpoint: Endpoint, config: AnthropicEndpoint, listed: Listed
    ) -> None:
        lengths = (config.context_length, listed.context_length)
        super().__init__(config, endpoint, min(one for one in lengths if one), config.max_in_flight)
        self.longest = listed.context_length or config.context_length
        self.known = listed.known or (config.model,)
        """Names of the models that the endpoint is known to have."""
        # A prefix can be read once a reply to it has begun; if every sibling writes it, that costs more.
        self.ahead = FirstAlone(_WARMING_SECONDS)
        self._client = client
        self._config = config
        self._abilities = listed.abilities
        self._given_up: frozenset[str] = frozenset()

    def _ours(self, error: Exception) -> ModelError:
        return translate(error, self.endpoint)

    async def _ask(self, request: Request, begun: Callable[[], None]) -> Asked:
        while True:
            given_up = self._given_up
            body = body_of(request, self._abilities, given_up)
            try:
                return Asked(await self._streamed(request, body, begun), body.dropped)
            except BadRequestError as error:
                # Another call may have learned the same while this one was under way.
                self._given_up |= _not_taken(error, body)
                if self._given_up == given_up:
                    raise

    async def _streamed(self, request: Request, body: Body, begun: Callable[[], None]) -> Answer:
        headers, extra = address(request), {**body.fields, **self._config.extra_body}
        if any(name in extra for name in SAMPLED):
            headers["anthropic-version"] = _LAST_SAMPLED
        named = {name: extra.pop(name) for name in ("model", "messages", "max_tokens")}
        create: Any = self._client.messages.with_streaming_response.create
        async with create(**named, stream=True, extra_headers=headers, extra_body=extra) as answer:
            if "event-stream" not in answer.headers.get("content-type", ""):
                with unbroken():
                    return parse(await answer.read())
            reply = Blocks()
            await gather(answer.iter_lines(), reply, self._config.stall, begun)
            return reply.answer()


def translate(error: Exception, endpoint: Endpoint) -> ModelError:
    """Return our error for one of the client library's."""
    match error:
        case APIStatusError():
            return refused(error.status_code, _told(error), error.response.headers, endpoint)
        case APIConnectionError():
            return broken(error, endpoint, late=isinstance(error, APITimeoutError))
        case APIError():
            return ModelError(endpoint.says(f"failed: {endpoint.quoted(error.message)}"), charged=True)
        case _:
            return ModelError(endpoint.says(f"can't be called: {endpoint.quoted(str(error))}"))


def _told(error: APIStatusError) -> object:
    """Return what is inside an error's body, the code that names its cause among it."""
    body = error.body.get("error", error.body) if isinstance(error.body, dict) else error.body
    return {**body, "code": error.error_code} if isinstance(body, dict) and error.error_code else body


def _not_taken(error: BadRequestError, body: Body) -> frozenset[str]:
    """Return the setting that a refusal names, if it is one that a call makes sense without."""
    told = _told(error)
    words = str(told.get("message")) if isinstance(told, dict) else ""
    sent = set(body.fields) | set(body.fields.get("output_config", ()))
    named = (name for name in OPTIONAL if name in sent and re.search(_NAMES.get(name, rf"\b{name}\b"), words))
    return frozenset([first for first in [next(named, None)] if first])


@asynccontextmanager
async def _connected(config: AnthropicEndpoint, endpoint: Endpoint) -> AsyncIterator[AsyncAnthropic]:
    key = endpoint.key or _NO_KEY
    async with AsyncAnthropic(
        # The client adds the version to the address by itself.
        base_url=config.base_url.rstrip("/").removesuffix("/v1"),
        api_key=key,
        # Nothing that the environment tells the client about headers may stand in for the key.
        default_headers={"Authorization": f"Bearer {key}", "X-Api-Key": key},
        max_retries=0,
        timeout=Timeout(None, connect=min(_CONNECT_SECONDS, config.timeout)),
        open_telemetry=False,
        http_client=_http(endpoint, config.max_in_flight),
    ) as client:
        yield client


def _http(endpoint: Endpoint, most: int) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=most, max_keepalive_connections=most)
    # Redirects are refused: they would carry the prompt to where the user didn't point.
    if not endpoint.local:
        return DefaultAsyncHttpxClient(follow_redirects=False, limits=limits)
    # The library's own would ask the environment for proxies whatever it is told.
    return httpx2.AsyncClient(trust_env=False, follow_redirects=False, limits=limits)


@asynccontextmanager
async def open_anthropic(config: AnthropicEndpoint) -> AsyncIterator[AnthropicModel]:
    """Return the model of an endpoint that answers and knows it.

    Its context length is the configured one, or the service's own if that is less. A server that
    neither knows the model nor keeps a list of models is taken at its word.

    Raises (on entry):
        ModelError: the endpoint can't be reached, refuses the key, or doesn't know the model.
    """
    endpoint = endpoint_of(config)
    async with _connected(config, endpoint) as client:
        again = retrying(config.retries, (Unavailable, Interrupted))
        listed: Listed = await again(_enter, client, endpoint, config.timeout)
        yield AnthropicModel(client, endpoint, config, listed)


async def _enter(client: AsyncAnthropic, endpoint: Endpoint, timeout: float) -> Listed:
    patience = min(_ENTRY_SECONDS, timeout)
    try:
        with anyio.fail_after(patience):
            return await find(client, endpoint)
    except TimeoutError:
        what = f"doesn't answer: /v1/models took longer than {patience:g} s"
        raise Unreachable(endpoint.says(what, "Check base_url, and the network.")) from None
    except AnthropicError as error:
        raise translate(error, endpoint) from None
