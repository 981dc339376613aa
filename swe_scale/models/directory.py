"""Asks an endpoint which models it serves, before anything is spent on it."""

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

from openai import APIStatusError, AsyncOpenAI, OpenAIError
from pydantic import BaseModel, ValidationError

from swe_scale.errors import ModelError
from swe_scale.models.endpoint import Endpoint
from swe_scale.models.faults import UnknownModel, translate

__all__ = ["Entry", "find", "unknown"]

_LENGTHS = ("max_model_len", "context_length", "context_window", "max_context_length")
"""vLLM's and SGLang's name for it, and those of hosted services."""
_ABSENT = (404, 405)


Server = Literal["vllm", "ollama", "llama.cpp", "other"]
_OWNERS: Mapping[str, Server] = {"vllm": "vllm", "library": "ollama", "llamacpp": "llama.cpp"}
"""What servers write into `owned_by`."""
_OLLAMA_CONTEXT = 4096
"""Tokens to which Ollama cuts prompts without a word, unless it was told otherwise."""


class Entry(NamedTuple):
    """What the endpoint says of the model; nothing where it keeps no list."""

    context_length: int | None = None
    known: tuple[str, ...] = ()
    """Names of all models that it serves."""
    server: Server = "other"


class _Rows(BaseModel):
    data: list[dict[str, Any]]


async def find(client: AsyncOpenAI, endpoint: Endpoint) -> Entry:
    """Return what the endpoint's list says of the model.

    Raises:
        UnknownModel: the list doesn't name it.
        ModelError: the endpoint can't be asked, or what answers is none.
    """
    try:
        rows = await _rows(client)
    except (APIStatusError, ValidationError) as error:
        if isinstance(error, APIStatusError) and error.status_code not in _ABSENT:
            raise translate(error, endpoint) from None
        await _look_below(client, endpoint)
        if isinstance(error, APIStatusError):
            return Entry()
        raise ModelError(
            endpoint.says(
                "doesn't answer as an OpenAI-compatible server does: its /models is no list",
                "Check base_url; it usually ends in /v1.",
            )
        ) from None
    except OpenAIError as error:
        raise translate(error, endpoint) from None
    known = tuple(row["id"] for row in rows if isinstance(row.get("id"), str))
    # Ollama adds the tag, Gemini the folder.
    names = (endpoint.model, f"{endpoint.model}:latest", f"models/{endpoint.model}")
    if known and not any(name in known for name in names):
        raise unknown(endpoint, known)
    own = [row for row in rows if row.get("id") in names]
    lengths = [row.get(key) for row in own for key in _LENGTHS]
    usable = [length for length in lengths if isinstance(length, int) and length > 0]
    owners = [str(row.get("owned_by")) for row in own]
    server: Server = next((_OWNERS[owner] for owner in owners if owner in _OWNERS), "other")
    return Entry(usable[0] if usable else await _told(client, endpoint, server), known, server)


async def _told(client: AsyncOpenAI, endpoint: Endpoint, server: Server) -> int | None:
    """Return the context length that a server tells in a way of its own; None if it doesn't."""
    match server:
        case "ollama":
            # What is loaded has the length that it really has; nothing else that Ollama tells is it.
            rows = (await _asked(client, "/api/ps")).get("models")
            names = (endpoint.model, f"{endpoint.model}:latest")
            rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
            lengths = [row.get("context_length") for row in rows if row.get("name") in names]
            return next((one for one in lengths if isinstance(one, int) and one > 0), _OLLAMA_CONTEXT)
        case "llama.cpp":
            settings = (await _asked(client, "/props")).get("default_generation_settings")
            length = settings.get("n_ctx") if isinstance(settings, dict) else None
            return length if isinstance(length, int) and length > 0 else None
    return None


async def _asked(client: AsyncOpenAI, path: str) -> dict[str, Any]:
    """Return what a server answers beside its OpenAI-compatible part; nothing if it doesn't."""
    root = str(client.base_url).rstrip("/").removesuffix("/v1")
    try:
        return dict(await client.with_options(base_url=root).get(path, cast_to=dict[str, Any]))
    except (OpenAIError, ValueError, TypeError):
        return {}


async def _rows(client: AsyncOpenAI) -> list[dict[str, Any]]:
    answer = await client.models.with_raw_response.list()
    return _Rows.model_validate_json(answer.content).data


async def _look_below(client: AsyncOpenAI, endpoint: Endpoint) -> None:
    """Raise if base_url only lacks its usual end."""
    base = endpoint.base_url.rstrip("/")
    if base.endswith("/v1"):
        return
    try:
        await _rows(client.with_options(base_url=f"{base}/v1"))
    except (OpenAIError, ValidationError):
        return
    raise ModelError(
        endpoint.says("is no API address, but /v1 below it is", "Add /v1 to the end of base_url.")
    ) from None


def unknown(endpoint: Endpoint, known: tuple[str, ...]) -> UnknownModel:
    """Return the error, with the five most similar names."""

    def likeness(name: str) -> float:
        return SequenceMatcher(None, endpoint.model, name).ratio()

    nearest = sorted(known, key=likeness, reverse=True)[:5]
    names = ", ".join(endpoint.quoted(name) for name in nearest)
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    return UnknownModel(endpoint.says("is not served there", f"It knows {names}{more}."), known)
