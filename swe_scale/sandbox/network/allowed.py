"""Decides which hosts hostile code may reach, and at which of their addresses."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from socket import SOCK_STREAM

import anyio

from swe_scale.errors import UsageError
from swe_scale.sandbox.network.addresses import why_not
from swe_scale.sandbox.network.authority import Authority, parse_authority

Resolver = Callable[[Authority], Awaitable[Sequence[str]]]
"""Returns the numeric addresses of a host; raises OSError where it has none."""
_WEB = (80, 443)


class Refused(Exception):
    """What was asked for is not done; carries the HTTP status and a reason that a person can read."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def resolve(authority: Authority) -> list[str]:
    """Return the addresses of a host, as this host knows them."""
    found = await anyio.getaddrinfo(authority.host, authority.port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Entry:
    """A host that may be reached, or all hosts below a domain."""

    host: str
    ports: tuple[int, ...]
    below: bool = False
    """Whether it stands for every host below `host`, and not for `host` itself."""
    inner: bool = False
    """Whether it may be this host, or on a private network: its owner's own configuration names it."""

    def covers(self, authority: Authority) -> bool:
        """Return whether this entry names a host and port."""
        same = authority.host.endswith(f".{self.host}") if self.below else authority.host == self.host
        return same and authority.port in self.ports


def further_host(text: str) -> Entry:
    """Return the entry of a host that the user allows: `host`, `host:port` or `*.domain`.

    Without a port, those of HTTP and HTTPS are meant.

    Raises:
        UsageError: it has another form.
    """
    below = text.startswith("*.")
    given = text.removeprefix("*.")
    with_port, without = parse_authority(given, None), parse_authority(given, 443)
    if without is None or (below and "." not in without.host):
        raise UsageError(f"setup_hosts: {text!r} is not a host; write host, host:port or *.domain")
    return Entry(without.host, (with_port.port,) if with_port else _WEB, below)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The hosts that may be reached, and how their addresses are found."""

    entries: tuple[Entry, ...]
    resolver: Resolver = resolve
    advice: str = "add it to `setup_hosts` under [network] in the configuration if set-up needs it"

    def entry(self, authority: Authority) -> Entry:
        """Return the entry that names a host and port.

        Raises:
            Refused: none does.
        """
        found = sorted(
            (entry for entry in self.entries if entry.covers(authority)), key=lambda one: not one.inner
        )
        if not found:
            raise Refused(403, f"{authority} is not allowed; {self.advice}")
        return found[0]

    async def addresses(self, authority: Authority) -> list[str]:
        """Return the addresses at which a host may be reached; connect to these, never to the name again.

        Raises:
            Refused: it isn't allowed, has no address, or none that may be reached.
        """
        entry = self.entry(authority)
        try:
            found = await self.resolver(authority)
        except (OSError, UnicodeError) as error:
            raise Refused(502, f"{authority} has no address: {error}") from error
        return reachable(authority, found, inner=entry.inner)


def reachable(authority: Authority, addresses: Iterable[str], *, inner: bool) -> list[str]:
    """Return those of a host's addresses that may be reached.

    Raises:
        Refused: none may; says why.
    """
    reasons = {address: why_not(address, inner=inner) for address in addresses}
    good = [address for address, reason in reasons.items() if reason is None]
    if not good:
        said = "; ".join(sorted(reason for reason in reasons.values() if reason)) or "it has no address"
        raise Refused(403, f"{authority} is refused: {said}")
    return good
