"""Reads the head of a proxy request so strictly that the server behind can't read it in another way."""

import re
from dataclasses import dataclass

from swe_scale.sandbox.network.allowed import Refused
from swe_scale.sandbox.network.authority import Authority, parse_authority

MOST = 16 * 1024
"""Bytes of a head."""
_MOST_FIELDS = 100
_LINE = re.compile(rb"([A-Z]{1,20}) ([\x21-\x7e]{1,8192}) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_ADDRESS = re.compile(r"http://([^/?#]+)([/?].*)?", re.IGNORECASE)
_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"upgrade",
}
"""Fields for the next hop alone (RFC 9110, section 7.6.1)."""

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks of the proxy."""

    method: bytes
    authority: Authority
    path: bytes
    """Path and query for the server; empty for a tunnel."""
    fields: tuple[tuple[bytes, bytes], ...]
    """What is passed on, without `Host` and `Content-Length`."""
    length: int
    """Bytes of the body."""

    @property
    def tunnel(self) -> bool:
        """Whether the client wants a connection and nothing else."""
        return self.method == b"CONNECT"

    def head(self, target: bytes, further: Fields) -> bytes:
        """Return the head for the server, or for another proxy: one request, then the end.

        Args:
            target: path or full address.
            further: fields to add.
        """
        host = str(self.authority).removesuffix(":80").encode()
        fields = [(b"Host", host), *self.fields, *further, (b"Connection", b"close")]
        if self.length or self.method in {b"POST", b"PUT", b"PATCH"}:
            fields.append((b"Content-Length", b"%d" % self.length))
        lines = [self.method + b" " + target + b" HTTP/1.1", *(b": ".join(field) for field in fields)]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def _bad(reason: str) -> Refused:
    return Refused(400, reason)


def parse_head(head: bytes) -> Request:
    """Return the request of a head, which is given without the empty line at its end.

    Raises:
        Refused: it isn't a request to a proxy, or could be read in two ways.
    """
    first, *rest = head.split(b"\r\n")
    found = _LINE.fullmatch(first)
    if found is None:
        raise _bad("the request line is malformed")
    method, target, minor = found.groups()
    fields = _fields(rest)
    length = _length(fields)
    authority, path = _tunnel(target) if method == b"CONNECT" else _forward(target)
    if method == b"CONNECT" and length:
        raise _bad("CONNECT has no body")
    _agrees(authority, fields, needed=minor == b"1" and method != b"CONNECT")
    named = {
        name.strip().lower() for key, value in fields if key == b"connection" for name in value.split(b",")
    }
    left_out = _HOP | named | {b"host", b"content-length"}
    kept = tuple((name, value) for name, value in fields if name not in left_out)
    return Request(method, authority, path, kept, length)


def _fields(lines: list[bytes]) -> Fields:
    if len(lines) > _MOST_FIELDS:
        raise Refused(431, f"there are more than {_MOST_FIELDS} header fields")
    found = [_FIELD.fullmatch(line) for line in lines]
    if not all(found):
        raise _bad("a header field is malformed")
    return [(field[1].lower(), field[2]) for field in found if field]


def _length(fields: Fields) -> int:
    if any(name == b"transfer-encoding" for name, _ in fields):
        if any(name == b"content-length" for name, _ in fields):
            raise _bad("Content-Length and Transfer-Encoding exclude one another")
        raise Refused(411, "a body must come with Content-Length")
    given = [value for name, value in fields if name == b"content-length"]
    if not given:
        return 0
    if len(given) > 1 or not re.fullmatch(rb"[0-9]{1,15}", given[0]):
        raise _bad("Content-Length is malformed")
    return int(given[0])


def _tunnel(target: bytes) -> tuple[Authority, bytes]:
    authority = parse_authority(target.decode("ascii"), None)
    if authority is None:
        raise _bad("CONNECT wants host:port")
    return authority, b""


def _forward(target: bytes) -> tuple[Authority, bytes]:
    found = _ADDRESS.fullmatch(target.decode("ascii"))
    if found is None:
        raise _bad("this is a proxy: it wants CONNECT host:port, or a full http:// address")
    authority = parse_authority(found[1], 80)
    if authority is None:
        raise _bad("the address names no plain host and port")
    path = found[2] or "/"
    return authority, (path if path.startswith("/") else f"/{path}").encode("ascii")


def _agrees(authority: Authority, fields: Fields, *, needed: bool) -> None:
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (needed and not hosts):
        raise _bad("exactly one Host is wanted")
    # Old clients leave the port out, even where it isn't the usual one.
    if hosts and parse_authority(hosts[0].decode("latin-1"), authority.port) != authority:
        raise _bad("Host and the requested address differ")
