"""The one door to GitHub: asks, waits where it is told to, and turns every failure into one clear line."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
import httpx2
from gidgethub import HTTPException, sansio
from pydantic import TypeAdapter, ValidationError

from swe_scale.config import GitHubConfig
from swe_scale.errors import GitHubError, PerhapsDone
from swe_scale.github.address import RepositoryAddress, api_of, origin_of
from swe_scale.github.credentials import is_ours, settled, token_of
from swe_scale.github.limits import Limited, limited
from swe_scale.github.refusals import Answer, meaning
from swe_scale.retry import pause, retrying

_LARGEST_REPLY = 16 << 20
_MOST_REDIRECTS = 5
_SECONDS = 60.0
"""For one request."""
_TRIES = 3
"""Further tries of a request that changes nothing, or the same when it is made twice."""
_BETWEEN_WRITES = 1.0
"""Seconds between requests that change something, as GitHub asks for."""
_PAGE = 100
_DONE = (200, 201, 202, 204)
_JSON = "application/vnd.github+json"
_SAFE_TWICE = ("GET", "PUT", "PATCH", "DELETE")

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, and the words for what it is about."""

    path: str
    """With names in braces for what stands in `values`; they are escaped."""
    about: str
    """What there is not if the answer is 404: `ada/engine#7 on github.com`."""
    right: str = "issues: read"
    """What a token must be allowed, in GitHub's words."""
    method: str = "GET"
    values: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    media: str = _JSON


class _Passing(Exception):
    """A failure that may pass: no answer, half an answer, or one of 500 and above."""

    def __init__(self, error: GitHubError) -> None:
        super().__init__(str(error))
        self.error = error


class Door:
    """An open connection; for one command, which waits for rate limits so long and no longer."""

    def __init__(self, client: httpx2.AsyncClient, base: str, config: GitHubConfig) -> None:
        self._client = client
        self._base = base
        self._variable = config.token_variable
        self._patience = config.patience
        self._written = -_BETWEEN_WRITES
        self.tell: Callable[[str], None] = lambda _: None
        """Is told when the door waits."""

    async def get(self, ask: Ask, form: TypeAdapter[Reply]) -> Reply:
        """Return what a request is answered with.

        Raises:
            GitHubError: it is refused, can't be reached, or answers as GitHub does not.
            PerhapsDone: a POST, of which no answer came.
        """
        return self._parsed(form, await self._answered(ask, self._filled(ask)))[0]

    async def text(self, ask: Ask) -> str:
        """Return what a request is answered with, as text.

        Raises:
            GitHubError: as of `get`.
        """
        return (await self._answered(ask, self._filled(ask))).body.decode("utf-8", "replace")

    async def do(self, ask: Ask) -> None:
        """Make a request of which the answer doesn't matter.

        Raises:
            GitHubError, PerhapsDone: as of `get`.
        """
        await self._answered(ask, self._filled(ask))

    async def pages(self, ask: Ask, form: TypeAdapter[list[Reply]], most: int) -> list[Reply]:
        """Return the first items of a list that comes in pages, `most` at most.

        Raises:
            GitHubError: as of `get`.
        """
        found: list[Reply] = []
        first = self._filled(ask)
        url: str | None = f"{first}{'&' if '?' in first else '?'}per_page={min(most, _PAGE)}"
        while url is not None and len(found) < most:
            page, url = self._parsed(form, await self._answered(ask, url))
            if not page:
                break
            found += page
        return found[:most]

    def _filled(self, ask: Ask) -> str:
        values = {name: str(value) for name, value in ask.values.items()}
        return sansio.format_url(ask.path, values, base_url=self._base)

    async def _answered(self, ask: Ask, url: str) -> Answer:
        """Return the answer to a request that was carried out."""
        tries = _TRIES if ask.method in _SAFE_TWICE else 0
        if ask.method != "GET":
            await self._space_out()
        try:
            return await retrying(tries, _Passing)(self._once, ask, url)
        except _Passing as failure:
            raise failure.error from failure

    async def _space_out(self) -> None:
        since = anyio.current_time() - self._written
        if since < _BETWEEN_WRITES:
            await pause(_BETWEEN_WRITES - since)
        self._written = anyio.current_time()

    async def _once(self, ask: Ask, url: str) -> Answer:
        times = 0
        while True:
            answer = await self._sent(ask, url)
            wait = limited(answer.status, answer.headers, answer.said, time.time(), times)
            if wait is None:
                self._check(ask, answer)
                return answer
            await self._wait(wait, answer.status)
            times += 1

    async def _wait(self, wait: Limited, status: int) -> None:
        """Wait as long as GitHub asks for, unless that is longer than this command may wait."""
        if wait.seconds > self._patience:
            reason = f"GitHub's rate limit is used up{wait.said}; wait"
            raise GitHubError(f"{reason}, or set {self._variable} for a higher one", status)
        self._patience -= wait.seconds
        self.tell(f"GitHub's rate limit is used up; going on in {wait.seconds:.0f} s")
        await pause(wait.seconds)

    async def _sent(self, ask: Ask, url: str) -> Answer:
        """Return the answer of a request; redirects within the host are followed."""
        body = b"" if ask.body is None else json.dumps(ask.body).encode()
        headers = {"accept": ask.media}
        if ask.body is not None:
            headers["content-type"] = "application/json"
        reason = ""
        try:
            with anyio.fail_after(_SECONDS):
                return await self._followed(ask, self._client.build_request(
                    ask.method, url, content=body, headers=headers
                ))  # fmt: skip
        except (TimeoutError, httpx2.TimeoutException):
            reason = f"{self._base} did not answer within {_SECONDS:.0f} s; try again later"
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            why = str(error) or type(error).__name__
            reason = f"{self._base} can't be reached: {why}; check the network and the address"
            if isinstance(error, httpx2.ConnectError):
                raise _Passing(GitHubError(reason)) from error
        raise _Passing(self._failed(ask, reason))

    def _failed(self, ask: Ask, reason: str, status: int | None = None) -> GitHubError:
        kind = GitHubError if ask.method in _SAFE_TWICE else PerhapsDone
        return kind(reason, status)

    async def _followed(self, ask: Ask, request: httpx2.Request) -> Answer:
        for _ in range(_MOST_REDIRECTS):
            if origin_of(str(request.url)) != origin_of(self._base):
                raise GitHubError(f"{self._base} redirects to another host, which is not followed")
            response = await self._client.send(request, stream=True)
            try:
                if response.next_request is None or (ask.method != "GET" and response.status_code < 307):
                    return Answer(response.status_code, response.headers, await self._body(response, ask))
                request = response.next_request
            finally:
                await response.aclose()
        raise GitHubError(f"{self._base} redirects more than {_MOST_REDIRECTS} times for {ask.about}")

    async def _body(self, response: httpx2.Response, ask: Ask) -> bytes:
        data = bytearray()
        async for part in response.aiter_bytes():
            data += part
            if len(data) > _LARGEST_REPLY:
                raise GitHubError(f"{ask.about} is larger than {_LARGEST_REPLY >> 20} MiB")
        return bytes(data)

    def _check(self, ask: Ask, answer: Answer) -> None:
        """Raise what a status means that isn't one of success."""
        if answer.status >= 500:
            reason = f"GitHub answered {answer.status} for {ask.about}; try again later"
            raise _Passing(self._failed(ask, reason, answer.status))
        if answer.status not in _DONE:
            reason = meaning(answer.status, answer.said, ask.about, ask.right, self._variable)
            raise GitHubError(reason, answer.status)

    def _parsed(self, form: TypeAdapter[Reply], answer: Answer) -> tuple[Reply, str | None]:
        """Return what a body holds, and the address of the next page."""
        try:
            data, _, more = sansio.decipher_response(answer.status, answer.headers, answer.body)
            return form.validate_python(data), self._next(more)
        except (ValidationError, HTTPException, ValueError, LookupError, RecursionError) as error:
            kind = answer.headers.get("content-type", "nothing")[:80]
            fault = f"{self._base} doesn't answer as GitHub does ({kind}); check the address"
            raise GitHubError(fault) from error

    def _next(self, more: str | None) -> str | None:
        if more is not None and origin_of(more) != origin_of(self._base):
            raise GitHubError(f"{self._base} has its next page on another host, which is not followed")
        return more


@asynccontextmanager
async def open_door(address: RepositoryAddress, config: GitHubConfig) -> AsyncIterator[Door]:
    """Open a connection to an address's host; the token goes to the host of `config.api` and to no other.

    Raises:
        UsageError: the configured address is none, or the token's variable holds no token.
    """
    config = settled(config, address.host)
    base = api_of(address, config)
    headers = sansio.create_headers("swe-scale", accept=_JSON)
    headers["X-GitHub-Api-Version"] = "2022-11-28"
    token = token_of(config)
    if token and is_ours(address, config):
        headers["authorization"] = f"Bearer {token}"
    async with httpx2.AsyncClient(headers=headers, timeout=_SECONDS) as client:
        yield Door(client, base, config)
