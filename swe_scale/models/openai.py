"""A model behind the OpenAI chat protocol, through the official client with our own patience."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast
from urllib.parse import quote

import anyio
from openai import (
    DEFAULT_CONNECTION_LIMITS,
    AsyncOpenAI,
    BadRequestError,
    DefaultAsyncHttpxClient,
    OpenAIError,
    Timeout,
)
from openai.types.chat import ChatCompletionMessageParam

from swe_scale.config import OpenAIEndpoint
from swe_scale.errors import Interrupted, ModelError
from swe_scale.models.directory import Entry, find
from swe_scale.models.endpoint import Endpoint, endpoint_of
from swe_scale.models.faults import Unavailable, Unreachable, refused, translate
from swe_scale.models.reply import Malformed, Refusal, parse
from swe_scale.records import Completion, Request
from swe_scale.retry import retrying

__all__ = ["DEFAULT_CONTEXT", "OpenAIModel", "open_openai"]

DEFAULT_CONTEXT: Final = 32_768
"""Tokens that are assumed where neither the configuration nor the server says how many there are."""
_NO_KEY = "none"
"""Sent where no key is set: servers on one's own machine need none, but the client insists."""
_CONNECT_SECONDS = 30.0
_ENTRY_SECONDS = 30.0


class OpenAIModel:
    """One served model. Made by `open_openai`."""

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint, config: OpenAIEndpoint, entry: Entry) -> None:
        self.name = config.model
        self.context_length = config.context_length or entry.context_length or DEFAULT_CONTEXT
        self.known = entry.known
        """Names of all models that the endpoint lists."""
        self._client = client
        self._endpoint = endpoint
        self._timeout = config.timeout
        self._retries = config.retries
        most = DEFAULT_CONNECTION_LIMITS.max_connections or math.inf
        self._limiter = anyio.CapacityLimiter(min(config.max_in_flight, most))
        self._length_field = "max_tokens"

    async def complete(self, request: Request) -> Completion:
        """Return the reply; what may pass and cost nothing is tried again, each try in the configured time.

        A call waits for its turn while `max_in_flight` others run; back-off takes nobody's turn.

        Raises:
            ContextExceeded: the prompt no longer fits.
            Interrupted: the try that broke off may have been charged; `again` is the configured `retries`.
            ModelError: the endpoint failed for good, or for longer than it was tried.
        """
        try:
            return await retrying(self._retries, (Unavailable, Unreachable))(self._attempt, request)
        except Interrupted as error:
            error.again = self._retries
            raise

    async def _attempt(self, request: Request) -> Completion:
        async with self._limiter:
            start = anyio.current_time()
            try:
                with anyio.fail_after(self._timeout):
                    raw = await self._send(request)
            except OpenAIError as error:
                raise translate(error, self._endpoint) from None
            except TimeoutError:
                raise self._late() from None
            seconds = anyio.current_time() - start
        return self._read(raw, request, seconds)

    def _read(self, raw: bytes, request: Request, seconds: float) -> Completion:
        try:
            return parse(raw, request.messages, seconds)
        except Refusal as refusal:
            fault = refused(refusal.status, refusal.error, {}, self._endpoint)
            if isinstance(fault, Unavailable):
                raise Interrupted(str(fault)) from None
            fault.charged = True
            raise fault from None
        except Malformed as malformed:
            what = self._endpoint.quoted(str(malformed))
            raise Interrupted(self._endpoint.says(what, "See the server's log.")) from None

    def _late(self) -> ModelError:
        what = f"gave no reply within {self._timeout:g} s"
        return ModelError(
            self._endpoint.says(what, "Raise timeout, or ask for shorter replies."), charged=True
        )

    async def _send(self, request: Request) -> bytes:
        try:
            return await self._post(request)
        except BadRequestError as error:
            # OpenAI's reasoning models know the limit by its newer name only; most servers by the older.
            renamed = (
                error.code == "unsupported_parameter" and error.param == self._length_field == "max_tokens"
            )
            if not renamed:
                raise
        self._length_field = "max_completion_tokens"
        return await self._post(request)

    async def _post(self, request: Request) -> bytes:
        sampling = request.sampling
        extra: dict[str, object] = {self._length_field: sampling.max_tokens}
        if sampling.seed is not None:
            extra["seed"] = sampling.seed
        messages = [{"role": one.role, "content": _sendable(one.content)} for one in request.messages]
        answer = await self._client.chat.completions.with_raw_response.create(
            model=request.model,
            messages=cast(list[ChatCompletionMessageParam], messages),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            extra_headers={"X-Request-Id": quote(request.step, safe="/:@+,=~")},
            extra_body=extra,
        )
        return answer.content


@asynccontextmanager
async def open_openai(config: OpenAIEndpoint) -> AsyncIterator[OpenAIModel]:
    """Return the model of an endpoint that answers and knows it.

    Its context length is the configured one, else the server's own (`max_model_len` in vLLM's list of
    models), else `DEFAULT_CONTEXT`. A server without a list of models is taken at its word.

    Raises (on entry):
        ModelError: the endpoint can't be reached, refuses the key, or doesn't know the model.
    """
    endpoint = endpoint_of(config)
    # Redirects are refused: they would carry the prompt to where the user didn't point.
    http = DefaultAsyncHttpxClient(trust_env=not endpoint.local, follow_redirects=False)
    async with AsyncOpenAI(
        base_url=config.base_url,
        api_key=endpoint.key or _NO_KEY,
        max_retries=0,
        timeout=Timeout(None, connect=min(_CONNECT_SECONDS, config.timeout)),
        http_client=http,
    ) as client:
        patience = min(_ENTRY_SECONDS, config.timeout)
        # A server that loads its model is waited for; one that isn't there is more likely a wrong address.
        entry: Entry = await retrying(config.retries, (Unavailable, Interrupted))(
            _enter, client, endpoint, patience
        )
        yield OpenAIModel(client, endpoint, config, entry)


async def _enter(client: AsyncOpenAI, endpoint: Endpoint, patience: float) -> Entry:
    try:
        with anyio.fail_after(patience):
            return await find(client, endpoint)
    except TimeoutError:
        what = f"doesn't answer: /models took longer than {patience:g} s"
        raise Unreachable(endpoint.says(what, "Check base_url, and whether the server is stuck.")) from None


def _sendable(text: str) -> str:
    """Return the text without lone surrogates, which bytes that aren't UTF-8 may have left in it."""
    return text.encode("utf-8", "replace").decode("utf-8")
