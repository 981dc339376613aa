"""Opens the way to a server: to a checked address, or through the proxy that this host itself uses."""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream

from swe_scale.errors import EnvironmentFailure
from swe_scale.sandbox.network.allowed import Allowed, Refused, reachable
from swe_scale.sandbox.network.authority import Authority, parse_authority
from swe_scale.sandbox.network.request import MOST, Fields, Request

_PATIENCE = 20.0
"""Seconds for a connection to open."""


@dataclass(frozen=True, slots=True)
class HostProxy:
    """A proxy of this host, and what it wants to know who asks."""

    authority: Authority
    credentials: Fields


@dataclass(frozen=True, slots=True)
class Upstream:
    """An open connection, the bytes that came too early on it, and what a request on it must look like."""

    stream: ByteStream
    early: bytes = b""
    proxy: HostProxy | None = None

    def head(self, request: Request) -> bytes:
        """Return the head of a request that isn't a tunnel."""
        if self.proxy is None:
            return request.head(request.path, [])
        address = b"http://" + str(request.authority).removesuffix(":80").encode() + request.path
        return request.head(address, self.proxy.credentials)


def host_proxies(variables: Mapping[str, str]) -> dict[str, HostProxy]:
    """Return the proxies by which this host reaches the world, by scheme.

    Args:
        variables: settings of its package clients, of which `PIP_PROXY` stands in where there is no other.

    Raises:
        EnvironmentFailure: one of them can't be used.
    """
    named = getproxies_environment()
    usual = named.get("all") or variables.get("PIP_PROXY")
    found = {scheme: named.get(scheme) or usual for scheme in ("http", "https")}
    return {scheme: _host_proxy(value) for scheme, value in found.items() if value}


def _host_proxy(value: str) -> HostProxy:
    parts = urlsplit(value if "://" in value else f"http://{value}")
    user, _, place = parts.netloc.rpartition("@")
    authority = parse_authority(place, 80)
    if authority is None or parts.scheme != "http":
        raise EnvironmentFailure(
            "set-up can't go through this host's proxy: only http://host:port can be used.\n"
            "Set HTTPS_PROXY and HTTP_PROXY so, or use --network full if set-up is trusted"
        )
    secret = b"Basic " + b64encode(unquote(user).encode())
    return HostProxy(authority, [(b"Proxy-Authorization", secret)] if user else [])


@dataclass(frozen=True, slots=True)
class Ways:
    """How servers are reached from this host."""

    allowed: Allowed
    proxies: Mapping[str, HostProxy]

    async def open(self, request: Request, stack: AsyncExitStack) -> Upstream:
        """Return a connection for a request, to be closed with the stack.

        Raises:
            Refused: the host isn't allowed, or can't be reached.
        """
        authority = request.authority
        entry = self.allowed.entry(authority)
        proxy = self.proxies.get("https" if request.tunnel else "http")
        if proxy is None or proxy_bypass(str(authority)):
            addresses = await self.allowed.addresses(authority)
            return Upstream(await _connect(authority, addresses, stack))
        await self._checked(authority, inner=entry.inner)
        stream = await _connect(authority, [proxy.authority.host], stack, proxy.authority.port)
        if not request.tunnel:
            return Upstream(stream, proxy=proxy)
        return Upstream(stream, await _tunnelled(stream, authority, proxy))

    async def _checked(self, authority: Authority, *, inner: bool) -> None:
        """Refuse a host that is known here, and not one to be reached; the proxy may know others."""
        try:
            found = await self.allowed.resolver(authority)
        except (OSError, UnicodeError):
            return
        reachable(authority, found, inner=inner)


async def _connect(
    authority: Authority, hosts: list[str], stack: AsyncExitStack, port: int | None = None
) -> ByteStream:
    problem = "it didn't answer in time"
    for host in hosts:
        try:
            with anyio.fail_after(_PATIENCE):
                stream = await anyio.connect_tcp(host, port or authority.port)
        except (OSError, TimeoutError) as error:
            problem = str(error) or problem
            continue
        stack.push_async_callback(stream.aclose)
        return stream
    via = "this host's proxy" if port else "it"
    raise Refused(502, f"{authority} can't be reached: {via} doesn't answer ({problem})")


async def _tunnelled(stream: ByteStream, authority: Authority, proxy: HostProxy) -> bytes:
    """Ask a proxy for a tunnel; return what came after its answer."""
    name = str(authority).encode()
    lines = [b"CONNECT " + name + b" HTTP/1.1", b"Host: " + name]
    lines += [b": ".join(field) for field in proxy.credentials]
    reader = BufferedByteReceiveStream(stream)
    try:
        with anyio.fail_after(_PATIENCE):
            await stream.send(b"\r\n".join(lines) + b"\r\n\r\n")
            head = await reader.receive_until(b"\r\n\r\n", MOST)
    except (anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.BrokenResourceError, TimeoutError) as error:
        raise Refused(502, f"{authority} can't be reached: this host's proxy doesn't answer") from error
    status = head.split(b" ")[1:2]
    if status != [b"200"]:
        shown = status[0][:3].decode("ascii", "replace") if status else "nothing"
        raise Refused(502, f"{authority} can't be reached: this host's proxy answers {shown}")
    return reader.buffer
