"""A model behind the OpenAI chat protocol, through the official client with our own patience."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import httpx2
from openai import (
    AsyncOpenAI,
    BadRequestError,
    DefaultAsyncHttpxClient,
    OpenAIError,
    Timeout,
    UnprocessableEntityError,
)

from swe_scale.background import beside
from swe_scale.config import OpenAIEndpoint
from swe_scale.errors import ContextExceeded, Interrupted, ModelError
from swe_scale.events import Events
from swe_scale.models.chat import body_of
from swe_scale.models.directory import Entry, find
from swe_scale.models.endpoint import Endpoint, endpoint_of
from swe_scale.models.faults import Unavailable, Unreachable, translate
from swe_scale.models.follow import follow
from swe_scale.models.form import Form, adapted
from swe_scale.models.reply import Answer, parse
from swe_scale.models.served import Asked, ServedModel, address, gather, unbroken
from swe_scale.models.stream import Pieces, gathered
from swe_scale.models.tokenize import server_tokens
from swe_scale.models.tokenizer import FileTokens
from swe_scale.models.tokens import Counter
from swe_scale.models.warming import FirstAlone
from swe_scale.records import Request
from swe_scale.retry import retrying

__all__ = ["DEFAULT_CONTEXT", "OpenAIModel", "connected", "open_openai"]

DEFAULT_CONTEXT: Final = 32_768
"""Tokens that are assumed where neither the configuration nor the server says how many there are."""
_NO_KEY = "none"
"""Sent where no key is set: servers on one's own machine need none, but the client insists."""
_MOST = 1000
"""Connections, and so requests, of one client at a time."""
_LIMITS = httpx2.Limits(max_connections=_MOST, max_keepalive_connections=_MOST, keepalive_expiry=2.0)
"""An idle connection is given up sooner than servers do: uvicorn's 5 s would break requests off otherwise."""
_AHEAD_SECONDS = 60.0
"""For which siblings wait, at most, until the first reply to their prefix has begun."""
_CONNECT_SECONDS = 30.0
_ENTRY_SECONDS = 30.0
_COUNTS = 4
"""Texts of one call whose tokens are counted at a time."""


class OpenAIModel(ServedModel):
    """One served model. Made by `open_openai`."""

    foreign = OpenAIError

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint, config: OpenAIEndpoint, entry: Entry) -> None:
        length = config.context_length or entry.context_length or DEFAULT_CONTEXT
        super().__init__(config, endpoint, length, min(config.max_in_flight, _MOST))
        self.longest = max(entry.context_length or 0, config.context_length or 0) or None
        self.known = entry.known
        """Names of all models that the endpoint lists."""
        self._client = client
        self._config = config
        self._streams = entry.server != "vllm" if config.stream is None else config.stream
        self._form = Form()
        if self._streams and entry.server == "other" and not endpoint.local:
            # A hosted service can use a prefix again a moment after the first reply to it has begun. vLLM
            # reads prompts one after another, so siblings find it there; slots of one's own each read it.
            self.ahead = FirstAlone(_AHEAD_SECONDS)

    async def _ask(self, request: Request, begun: Callable[[], None]) -> Asked:
        while True:
            form = self._form
            try:
                answer = await (self._streamed(request, begun) if self._streams else self._whole(request))
                asked = body_of(request).keys() if form.dropped else ()
                return Asked(answer, tuple(sorted(form.dropped & set(asked))))
            except (BadRequestError, UnprocessableEntityError) as error:
                # Another call may have learned the same while this one was under way.
                if self._form == form and not isinstance(self._ours(error), ContextExceeded):
                    self._form = adapted(form, error, self._sent(request).keys())
                if self._form == form:
                    raise

    def _ours(self, error: Exception) -> ModelError:
        assert isinstance(error, OpenAIError)
        return translate(error, self.endpoint)

    async def _whole(self, request: Request) -> Answer:
        answer = await self._client.chat.completions.with_raw_response.create(**self._asked(request))
        return parse(answer.content)

    async def _streamed(self, request: Request, begun: Callable[[], None]) -> Answer:
        asked = self._asked(request, stream=True, stream_options={"include_usage": True})
        async with self._client.chat.completions.with_streaming_response.create(**asked) as answer:
            if "event-stream" in answer.headers.get("content-type", ""):
                pieces = Pieces()
                await gather(answer.iter_lines(), pieces, self._config.stall, begun)
                return pieces.answer()
            with unbroken():
                raw = await answer.read()
        # Some servers don't stream, and some that do give it another name.
        return gathered(raw.decode("utf-8", "replace")) if raw.lstrip().startswith(b"data:") else parse(raw)

    def _asked(self, request: Request, **stream: Any) -> dict[str, Any]:
        body = {**self._sent(request, **stream), **self._config.extra_body}
        # Messages that the client is given by their name it walks through piece by piece, for longer than the
        # rest of a call takes; `extra_body` goes out as it is.
        named = {"model": body.pop("model"), "messages": ()}
        return {**named, "extra_headers": address(request), "extra_body": body}

    def _sent(self, request: Request, **stream: Any) -> dict[str, Any]:
        """Return the body without what the server doesn't take."""
        body = {**body_of(request, self._form.length), **stream}
        return {name: value for name, value in body.items() if name not in self._form.dropped}


def _transport(endpoint: Endpoint) -> httpx2.AsyncClient:
    """Return what requests are sent with; it knows no key."""
    # Redirects are refused: they would carry the prompt to where the user didn't point.
    return DefaultAsyncHttpxClient(trust_env=not endpoint.local, follow_redirects=False, limits=_LIMITS)


@asynccontextmanager
async def connected(
    config: OpenAIEndpoint, http: httpx2.AsyncClient | None = None
) -> AsyncIterator[AsyncOpenAI]:
    """Return a client of an endpoint, which was not asked for anything yet.

    Args:
        config: where, and with which key.
        http: what requests are sent with. None: one of its own.

    Raises (on entry):
        EndpointRefused: the address or the key can't be used.
    """
    endpoint = endpoint_of(config)
    async with AsyncOpenAI(
        base_url=config.base_url,
        api_key=endpoint.key or _NO_KEY,
        max_retries=0,
        timeout=Timeout(None, connect=min(_CONNECT_SECONDS, config.timeout)),
        http_client=http or _transport(endpoint),
    ) as client:
        yield client


@asynccontextmanager
async def open_openai(config: OpenAIEndpoint, events: Events | None = None) -> AsyncIterator[OpenAIModel]:
    """Return the model of an endpoint that answers and knows it.

    Its context length is the configured one, else the server's own (`max_model_len` in vLLM's list of
    models), else `DEFAULT_CONTEXT`. A server without a list of models is taken at its word.

    Raises (on entry):
        ModelError: the endpoint can't be reached, refuses the key, or doesn't know the model.
    """
    endpoint, heard = endpoint_of(config), events or Events()
    http = _transport(endpoint)
    async with connected(config, http) as client, beside() as tasks:
        patience = min(_ENTRY_SECONDS, config.timeout)
        # A server that loads its model is waited for; one that isn't there is more likely a wrong address.
        entry: Entry = await retrying(config.retries, (Unavailable, Interrupted))(
            _enter, client, endpoint, patience
        )
        model = OpenAIModel(client, endpoint, config, entry)
        model.counter = _counter(config, endpoint, entry, http, heard)
        # A service in the distance shows its figures to nobody.
        if endpoint.local or entry.server == "vllm":
            tasks.start_soon(
                follow, config.base_url, http, model.admission,
                lambda text: heard.emit("endpoint", text, endpoint.shown),
            )  # fmt: skip
        yield model


def _counter(
    config: OpenAIEndpoint, endpoint: Endpoint, entry: Entry, http: httpx2.AsyncClient, heard: Events
) -> Counter:
    asked, read = server_tokens(http, endpoint, entry.server), FileTokens(config.model, config.tokenizer)
    sources = (asked, read) if asked else (read,)
    return Counter(sources, _COUNTS, lambda text: heard.emit("note", text))


async def _enter(client: AsyncOpenAI, endpoint: Endpoint, patience: float) -> Entry:
    try:
        with anyio.fail_after(patience):
            return await find(client, endpoint)
    except TimeoutError:
        what = f"doesn't answer: /models took longer than {patience:g} s"
        raise Unreachable(endpoint.says(what, "Check base_url, and whether the server is stuck.")) from None
