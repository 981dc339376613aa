"""Tells addresses of the public internet from those that hostile code must not reach through this host."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_METADATA = frozenset(
    ip_address(text)
    # Of cloud services, beside the link-local ones: two that look public, and two that look private.
    for text in ("168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254")
)
_LIMITED_BROADCAST = IPv4Address("255.255.255.255")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")


def _forms(address: Address) -> Iterator[Address]:
    """Return an address and every other that a router may make of it."""
    yield address
    if isinstance(address, IPv4Address):
        return
    low = IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _NAT64 or address in _LOCAL_NAT64 or (address in _COMPATIBLE and int(address) > 1):
        yield low
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo


def _never(address: Address) -> bool:
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address in _METADATA
        or address == _LIMITED_BROADCAST
        or (isinstance(address, IPv4Address) and address in _THIS_NETWORK)
    )


def _public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_global
    # Of a mapped address, which is itself not global, what it stands for decides.
    local = address.is_site_local or address in _LOCAL_NAT64
    return address.ipv4_mapped is not None or (address.is_global and not local)


def why_not(text: str, *, inner: bool) -> str | None:
    """Return why an address may not be reached; None if it may.

    Args:
        text: a numeric address, as the resolver gives it.
        inner: whether addresses of this host and of its private networks are meant to be reached. Those of
            metadata services and link-local ones never are.
    """
    try:
        forms = list(_forms(ip_address(text.partition("%")[0])))
    except ValueError:
        return f"{text} is no address"
    if any(map(_never, forms)):
        return f"{text} is an address of metadata services, link-local, or of no single host"
    if not inner and not all(map(_public, forms)):
        return f"{text} is not an address of the public internet"
    return None
