"""Kinds of sandboxes and endpoints that other packages offer by entry points."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from swe_scale.config.base import Config
from swe_scale.errors import UsageError
from swe_scale.extensions import Kind, offered

OFFERED = "offered"
"""Tag of a kind that isn't ours."""


def told_apart(*own: str) -> Callable[[Any], str | None]:
    """Return what tells our own kinds apart, and all others from them; None where none is named."""

    def tag(value: Any) -> str | None:
        kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
        if not isinstance(kind, str):
            return None
        return kind if kind in own else OFFERED

    return tag


def there(what: Kind, *own: str) -> AfterValidator:
    """Return the rule that a kind is one that an installed package offers."""

    def found(kind: str) -> str:
        try:
            offered(what, kind, own)
        except UsageError as error:
            raise ValueError(str(error)) from error
        return kind

    return AfterValidator(found)


OWN_SANDBOXES = ("docker", "bubblewrap", "local")
OWN_ENDPOINTS = ("openai", "anthropic", "pool", "scripted")


class OfferedSandbox(Config):
    """A sandbox of another package, which offers it under `swe_scale.sandboxes`."""

    kind: Annotated[str, there("sandbox", *OWN_SANDBOXES)]
    """The name that it offers."""
    options: Mapping[str, Any] = {}
    """What it is told; it checks that itself."""


class OfferedModel(Config):
    """A kind of endpoint of another package, which offers it under `swe_scale.models`."""

    kind: Annotated[str, there("model", *OWN_ENDPOINTS)]
    """The name that it offers."""
    model: str
    """Name under which its tokens are booked and priced."""
    context_length: int | None = Field(default=None, ge=512)
    """Tokens that prompt and reply may have together. None: as it says once it is open."""
    options: Mapping[str, Any] = {}
    """What it is told; it checks that itself."""
