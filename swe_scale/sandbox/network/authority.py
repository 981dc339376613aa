"""Reads `host:port` strictly: what two readers may take for two hosts is taken for none."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_HOST = r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,254}))"
_FORM = re.compile(_HOST + r"(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True, order=True)
class Authority:
    """A host, in lower case or as the one usual form of its address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_host(text: str) -> str | None:
    """Return a host's one form; None if it has none, like numbers that some readers take for addresses."""
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        return None
    if not _NUMBER.fullmatch(labels[-1]):
        return name
    try:
        return str(IPv4Address(name))
    except AddressValueError:
        return None


def parse_authority(text: str, port: int | None) -> Authority | None:
    """Return what `host`, `host:port` or `[address]:port` names; None if it isn't of that form.

    Args:
        text: what is read.
        port: used where none is given. None: one must be.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    number = int(found["port"]) if found["port"] else port
    if number is None or not 0 < number < 65536:
        return None
    if found["name"] is not None:
        host = parse_host(found["name"])
        return Authority(host, number) if host else None
    try:
        return Authority(str(IPv6Address(found["six"])), number)
    except AddressValueError:
        return None
