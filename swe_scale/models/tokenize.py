"""Lets the server count tokens: it knows best what its model sees in a text."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import anyio
import httpx2
from pydantic import BaseModel, Field, ValidationError

from swe_scale.models.chat import sendable
from swe_scale.models.directory import Server
from swe_scale.models.endpoint import Endpoint
from swe_scale.models.follow import server_root
from swe_scale.models.tokens import Unable

__all__ = ["ServerTokens", "server_tokens"]

_PATIENCE: Final = 20.0
"""Seconds for one text."""
_PER_BYTE: Final = 12
"""Bytes of a reply for each of a text: it lists the tokens, of which there is one per byte at most."""
_FRAME: Final = 65_536
"""Bytes of a reply beside that list."""
_TRIAL: Final = "Which words does it know?"


class _Vllm(BaseModel):
    count: Annotated[int, Field(strict=True)]


class _LlamaCpp(BaseModel):
    tokens: list[Any]

    @property
    def count(self) -> int:
        return len(self.tokens)


class _Dialect(NamedTuple):
    """How a server wants to be asked, and how it answers."""

    text: str
    """Name of the field with the text."""
    bare: str
    """Name of the switch for tokens that are put around it."""
    reply: type[_Vllm | _LlamaCpp]


_VLLM = _Dialect("prompt", "add_special_tokens", _Vllm)
_LLAMA_CPP = _Dialect("content", "add_special", _LlamaCpp)
_DIALECTS: Mapping[Server, tuple[_Dialect, ...]] = {
    "vllm": (_VLLM,),
    "llama.cpp": (_LLAMA_CPP,),
    "other": (_VLLM, _LLAMA_CPP),
}


class ServerTokens:
    """The `/tokenize` of one server. Made by `server_tokens`."""

    name = "the server's tokenizer"

    def __init__(self, http: httpx2.AsyncClient, endpoint: Endpoint, dialects: tuple[_Dialect, ...]) -> None:
        self._http = http
        self._endpoint = endpoint
        self._address = f"{server_root(endpoint.base_url)}/tokenize"
        self._dialects = dialects
        self._lock = anyio.Lock()

    async def count(self, text: str) -> int:
        """Return the tokens of a text.

        Raises:
            Unable: the server doesn't say.
        """
        return await self._ask(await self._dialect(), text)

    async def _dialect(self) -> _Dialect:
        async with self._lock:
            while len(self._dialects) > 1:
                try:
                    await self._ask(self._dialects[0], _TRIAL)
                    self._dialects = self._dialects[:1]
                except Unable:
                    self._dialects = self._dialects[1:]
            return self._dialects[0]

    async def _ask(self, dialect: _Dialect, text: str) -> int:
        sent = sendable(text)
        body = json.dumps({"model": self._endpoint.model, dialect.text: sent, dialect.bare: False}).encode()
        most = _FRAME + _PER_BYTE * len(sent.encode())
        try:
            with anyio.fail_after(_PATIENCE):
                try:
                    raw = await self._posted(body, most)
                except httpx2.TransportError:
                    # A busy server may close a connection just as it is used again.
                    raw = await self._posted(body, most)
            return dialect.reply.model_validate_json(raw).count
        except TimeoutError:
            raise self._unable(f"no answer within {_PATIENCE:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError):
            raise self._unable("no answer") from None
        except ValidationError:
            raise self._unable("an answer in an unknown form") from None

    async def _posted(self, body: bytes, most: int) -> bytes:
        # Not packed: a small answer could unpack to a large one.
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self._endpoint.key:
            headers["Authorization"] = f"Bearer {self._endpoint.key}"
        raw = bytearray()
        async with self._http.stream("POST", self._address, content=body, headers=headers) as answer:
            if answer.status_code != 200:
                raise self._unable(str(answer.status_code))
            async for piece in answer.aiter_raw():
                raw += piece
                if len(raw) > most:
                    raise self._unable("an answer that is too long")
        return bytes(raw)

    def _unable(self, found: str) -> Unable:
        return Unable(self._endpoint.says(f"counts no tokens (/tokenize: {found})"))


def server_tokens(http: httpx2.AsyncClient, endpoint: Endpoint, server: Server) -> ServerTokens | None:
    """Return what lets a server count; None for one that has no way, or isn't to be asked.

    Args:
        http: sends the requests; it follows no redirects.
        endpoint: where.
        server: what runs there. One that nobody knows is tried, unless it is a service in the distance.
    """
    if server == "other" and not endpoint.local:
        return None
    dialects = _DIALECTS.get(server)
    return ServerTokens(http, endpoint, dialects) if dialects else None
