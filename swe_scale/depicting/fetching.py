"""Fetches the images that an issue shows, from where GitHub keeps them and from nowhere else."""

import base64
import re
from urllib.parse import urljoin, urlsplit

import anyio
import httpx2

from swe_scale.records import Picture

LARGEST = 4 << 20
"""Bytes of an image; Anthropic takes 5 MB, coded."""
_SECONDS = 20.0
_REDIRECTS = 3
_OF_GITHUB = re.compile(
    r"(?:[a-z0-9-]+\.)*githubusercontent\.com|github\.com|(?:[a-z0-9-]+\.)*ghe\.com"
    r"|github-production-user-asset-[0-9a-z]+\.s3(?:\.[a-z0-9-]+)?\.amazonaws\.com"
)
"""Hosts at which GitHub keeps what is put into an issue, or to which it redirects for it."""
_KINDS = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
)


class Unfetched(Exception):
    """An image that can't be had; the text says why."""


async def fetched(address: str, home: str) -> Picture:
    """Return an image, which is asked for without any token.

    Args:
        address: that an issue names; whoever wrote it may be hostile.
        home: address of the issue's repository, whose host may have images, too.

    Raises:
        Unfetched: it lies elsewhere, isn't there, isn't public, is too large or no image.
    """
    try:
        with anyio.fail_after(_SECONDS):
            async with httpx2.AsyncClient(timeout=_SECONDS, trust_env=True) as client:
                return _picture(await _content(client, address, home))
    except TimeoutError as error:
        raise Unfetched(f"it took longer than {_SECONDS:g} s") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise Unfetched(f"it can't be fetched: {type(error).__name__}") from error


async def _content(client: httpx2.AsyncClient, address: str, home: str) -> bytes:
    for _ in range(_REDIRECTS + 1):
        if not _allowed(address, home):
            raise Unfetched("it doesn't lie where GitHub keeps images")
        async with client.stream("GET", address) as answer:
            if answer.is_redirect:
                address = urljoin(address, answer.headers.get("location", ""))
                continue
            if answer.status_code != httpx2.codes.OK:
                raise Unfetched(f"its host answers {answer.status_code}")
            return await _bounded(answer)
    raise Unfetched("its host redirects again and again")


async def _bounded(answer: httpx2.Response) -> bytes:
    data = bytearray()
    async for part in answer.aiter_bytes():
        data += part
        if len(data) > LARGEST:
            raise Unfetched(f"it is larger than {LARGEST >> 20} MiB")
    return bytes(data)


def _allowed(address: str, home: str) -> bool:
    """Return whether an address is one of GitHub's, or on the host of the issue's own repository."""
    parts, own = urlsplit(address), urlsplit(home)
    if parts.username is not None or parts.password is not None:
        return False
    if own.scheme in ("http", "https") and (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
        return True
    host = parts.hostname or ""
    return parts.scheme == "https" and parts.port in (None, 443) and bool(_OF_GITHUB.fullmatch(host))


def _picture(data: bytes) -> Picture:
    for kind, begins in _KINDS:
        if begins.match(data):
            return Picture(media_type=kind, data=base64.b64encode(data).decode("ascii"))
    raise Unfetched("it is no PNG, JPEG, GIF or WebP")
