"""Asks a server of ours whether it is well, and what it serves under which name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from swe_scale.errors import ModelError
from swe_scale.models.serving.launch import Launch
from swe_scale.models.serving.variables import KEY

__all__ = ["Health", "Served", "reaching"]

_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers."""

    base_url: str
    model: str
    """Its name there."""
    context_length: int | None
    """Tokens; None where the server doesn't say."""
    key_variable: str = KEY
    """The environment variable with its key; unset where it asks for none."""


@dataclass(frozen=True, slots=True)
class Health:
    """The way to one server."""

    launch: Launch
    client: httpx2.AsyncClient

    async def well(self) -> bool | None:
        """Return whether the server says that it is well; None if it doesn't answer."""
        try:
            reply = await self.client.get(self.launch.base_url.removesuffix("/v1") + "/health")
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return None
        return reply.status_code == 200

    async def served(self) -> Served | None:
        """Return what is served; None if the server doesn't say yet.

        Raises:
            ModelError: it refuses the key, or lists no model.
        """
        key = self.launch.variables.get(KEY, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            reply = await self.client.get(f"{self.launch.base_url}/models", headers=headers)
            document = reply.json() if reply.status_code == 200 else None
        except (httpx2.HTTPError, ValueError):
            return None
        if reply.status_code in (401, 403):
            raise ModelError(f"the server asks for another key than {KEY} holds; give it no key of its own.")
        if reply.status_code != 200:
            return None
        rows = document.get("data") if isinstance(document, dict) else None
        first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
        name, longest = first.get("id"), first.get("max_model_len")
        if not isinstance(name, str):
            raise ModelError(f"what answers at {self.launch.base_url} lists no model; is it another server?")
        return Served(self.launch.base_url, name, longest if isinstance(longest, int) else None)


@asynccontextmanager
async def reaching(launch: Launch) -> AsyncIterator[Health]:
    """Open the way to a server, past any proxy: it runs on this machine."""
    async with httpx2.AsyncClient(trust_env=False, timeout=_SECONDS) as client:
        yield Health(launch, client)
