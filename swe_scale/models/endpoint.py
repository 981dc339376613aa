"""Where a model is served, with which key; and how errors speak of it without giving the key away."""

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from swe_scale.config import AnthropicEndpoint, OpenAIEndpoint
from swe_scale.errors import EndpointRefused

__all__ = ["Endpoint", "endpoint_of"]

_SHORTEST_KEY = 8
_LONGEST = 300
"""Characters of a server's own words that are shown."""
_LONGEST_KEY = 8192
"""Bytes; a longer file holds something else."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one address."""

    model: str
    base_url: str
    key_place: str
    """Where its key is looked for, in words."""
    keyless: str
    """What to do where there is none."""
    local: bool
    """Whether the address is this machine itself: environment proxies don't apply."""
    key: str = field(repr=False)
    """Empty where none is set."""

    @property
    def shown(self) -> str:
        """The address without what may be secret in it."""
        return _shown(self.base_url)

    def says(self, what: str, advice: str = "") -> str:
        """Return `MODEL at ADDRESS WHAT` and the advice on a line of its own."""
        first = f"{self.model} at {self.shown} {what}"
        return "\n".join(line for line in (self.without_key(first), advice) if line)

    def quoted(self, words: str) -> str:
        """Return a server's words on one line, shortened, without the key and control characters."""
        line = " ".join(self.without_key(words).split())
        clean = "".join(letter if letter.isprintable() else "?" for letter in line)
        return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"

    def without_key(self, text: str) -> str:
        """Return the text with the key's occurrences blotted out."""
        # A shorter one is a placeholder, such as EMPTY; blotting it out would garble the text.
        return text.replace(self.key, "[key]") if len(self.key) >= _SHORTEST_KEY else text


def endpoint_of(config: OpenAIEndpoint | AnthropicEndpoint) -> Endpoint:
    """Return the endpoint of a configuration, with the key that its variable or its file holds.

    Raises:
        EndpointRefused: the address is no web address, or the key can't be read or sent in a header.
    """
    parts = _parts(config.base_url)
    place = config.key_variable if config.key_file is None else f"the file {config.key_file}"
    key = os.environ.get(config.key_variable, "") if config.key_file is None else _read(config.key_file)
    key = key.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise EndpointRefused(
            f"the key in {place} can't be sent: it has spaces, line breaks or characters other than ASCII.\n"
            "Put the key there alone."
        )
    return Endpoint(
        model=config.model,
        base_url=config.base_url,
        key_place=place,
        keyless=f"Set {place} to it: it is not set."
        if config.key_file is None
        else f"It is to be in {place}, which is empty.",
        local=_is_loopback(parts.hostname or ""),
        key=key,
    )


def _read(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            raw = file.read(_LONGEST_KEY + 1)
        if len(raw) <= _LONGEST_KEY:
            return raw.decode("utf-8-sig")
        reason = "it is too large"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (UnicodeDecodeError, RuntimeError):
        reason = "it is no text"
    raise EndpointRefused(f"the key in the file {path} can't be read: {reason}.\nPut the key there alone.")


def _parts(base_url: str) -> SplitResult:
    fault = EndpointRefused(
        f"base_url {_shown(base_url)!r} is no web address.\n"
        "Give one with its scheme, for instance http://localhost:8000/v1."
    )
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise fault from None
    if not usable or not base_url.isprintable() or " " in base_url:
        raise fault
    return parts


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _shown(base_url: str) -> str:
    """Return an address without what may be secret in it: user, password, query."""
    scheme, mark, rest = base_url.partition("://")
    authority, slash, path = rest.partition("/")
    return (
        f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path.partition('?')[0]}" if mark else base_url
    )
