"""Asks Anthropic's service, or one like it, for a model, before anything is spent on it."""

from typing import Any, NamedTuple

from anthropic import APIStatusError, AsyncAnthropic
from pydantic import BaseModel, ValidationError

from swe_scale.models.directory import unknown
from swe_scale.models.endpoint import Endpoint
from swe_scale.models.messages import Abilities

__all__ = ["Listed", "find"]

_ABSENT = (404, 405)
_MOST = 1000
"""Models that are listed at a time, at most."""


class Listed(NamedTuple):
    """What the service says of the model; nothing where it keeps no list."""

    abilities: Abilities = Abilities()
    context_length: int | None = None
    known: tuple[str, ...] = ()
    """Names of all models that it has; only asked for where it doesn't know this one."""


class _Model(BaseModel):
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    capabilities: dict[str, Any] | None = None


class _Rows(BaseModel):
    data: list[dict[str, Any]]


async def find(client: AsyncAnthropic, endpoint: Endpoint) -> Listed:
    """Return what the service says of the model.

    Raises:
        UnknownModel: it knows others.
        anthropic.AnthropicError: it can't be asked.
    """
    try:
        answer = await client.models.with_raw_response.retrieve(endpoint.model)
        model = _Model.model_validate_json(await answer.read())
    except ValidationError:
        return Listed()
    except APIStatusError as error:
        if error.status_code not in _ABSENT:
            raise
        known = await _known(client)
        if known and endpoint.model not in known:
            raise unknown(endpoint, known) from None
        return Listed(known=known)
    length = model.max_input_tokens
    return Listed(_abilities(model), length if length and length > 0 else None)


async def _known(client: AsyncAnthropic) -> tuple[str, ...]:
    try:
        answer = await client.models.with_raw_response.list(limit=_MOST)
        rows = _Rows.model_validate_json(await answer.read()).data
    except ValidationError:
        return ()
    except APIStatusError as error:
        if error.status_code not in _ABSENT:
            raise
        return ()
    return tuple(row["id"] for row in rows if isinstance(row.get("id"), str))


def _abilities(model: _Model) -> Abilities:
    told = model.capabilities or {}
    effort, types = told.get("effort"), _part(told.get("thinking"), "types")
    efforts = None
    if isinstance(effort, dict):
        efforts = frozenset(level for level in effort if _supported(effort, level))
    return Abilities(
        efforts=efforts,
        adaptive=_supported(types, "adaptive"),
        budget=_supported(types, "enabled"),
        longest=model.max_tokens if model.max_tokens and model.max_tokens > 0 else None,
        schemas=_supported(told, "structured_outputs"),
    )


def _supported(parts: object, name: str) -> bool | None:
    told = _part(_part(parts, name), "supported")
    return told if isinstance(told, bool) else None


def _part(whole: object, name: str) -> object:
    return whole.get(name) if isinstance(whole, dict) else None
