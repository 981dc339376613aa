"""Asks an endpoint which models it serves, before anything is spent on it."""

from difflib import SequenceMatcher
from typing import Any, NamedTuple

from openai import APIStatusError, AsyncOpenAI, OpenAIError
from pydantic import BaseModel, ValidationError

from swe_scale.errors import ModelError
from swe_scale.models.endpoint import Endpoint
from swe_scale.models.faults import UnknownModel, translate

__all__ = ["Entry", "find"]

_LENGTHS = ("max_model_len", "context_length", "context_window", "max_context_length")
"""vLLM's and SGLang's name for it, and those of hosted services."""
_ABSENT = (404, 405)


class Entry(NamedTuple):
    """What the endpoint says of the model; nothing where it keeps no list."""

    context_length: int | None = None
    known: tuple[str, ...] = ()
    """Names of all models that it serves."""


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
        raise _unknown(endpoint, known)
    lengths = [row.get(key) for row in rows if row.get("id") in names for key in _LENGTHS]
    usable = [length for length in lengths if isinstance(length, int) and length > 0]
    return Entry(usable[0] if usable else None, known)


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


def _unknown(endpoint: Endpoint, known: tuple[str, ...]) -> UnknownModel:
    """Return the error, with the five most similar names."""

    def likeness(name: str) -> float:
        return SequenceMatcher(None, endpoint.model, name).ratio()

    nearest = sorted(known, key=likeness, reverse=True)[:5]
    names = ", ".join(endpoint.quoted(name) for name in nearest)
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    return UnknownModel(endpoint.says("is not served there", f"It knows {names}{more}."), known)
