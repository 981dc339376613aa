"""The one door to GitHub: reads an issue with its comments, and turns every failure into one clear line."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

from swe_scale.config import GitHubConfig
from swe_scale.errors import GitHubError, UsageError
from swe_scale.records import Record

MOST_COMMENTS = 100
"""Comments of an issue that are read, the oldest first."""
_LARGEST_REPLY = 16 << 20
_MOST_REDIRECTS = 5
_SECONDS = 60.0
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]*(?::[0-9]+)?|\[[0-9a-f:.]+\](?::[0-9]+)?")
_ISSUE_PATH = re.compile(r"/([A-Za-z0-9][\w-]{0,99})/([\w.-]{1,100})/issues/([0-9]{1,10})/?", re.ASCII)

Reply = TypeVar("Reply")


class IssueAddress(Record):
    """Where an issue is, without any credentials that stood in the web address."""

    scheme: str
    host: str
    """With the port, where one was given."""
    owner: str
    repo: str
    number: int

    @property
    def clone_url(self) -> str:
        """Address from which git clones the repository."""
        return f"{self.scheme}://{self.host}/{self.owner}/{self.repo}.git"

    def __str__(self) -> str:
        return f"{self.owner}/{self.repo}#{self.number} on {self.host}"


class FetchedIssue(Record):
    """An issue as GitHub has it; all of its text was written by strangers."""

    address: IssueAddress
    """Where it is now; another than was asked for if the repository has moved."""
    title: str
    body: str
    comments: tuple[str, ...]
    """Each begins with a line in brackets: how GitHub says its author stands to the repository."""
    comments_left_out: int
    labels: tuple[str, ...]
    state: str


class _Label(BaseModel):
    name: str


class _Issue(BaseModel):
    title: str
    body: str | None = None
    state: str
    comments: int = 0
    labels: list[_Label | str] = []
    pull_request: dict[str, Any] | None = None
    html_url: str = ""


class _Comment(BaseModel):
    body: str | None = None
    author_association: str = "NONE"


_ISSUE: TypeAdapter[_Issue] = TypeAdapter(_Issue)
_COMMENTS: TypeAdapter[list[_Comment]] = TypeAdapter(list[_Comment])


def parse_issue_url(url: str) -> IssueAddress | None:
    """Return where an issue is, for `https://HOST/OWNER/REPO/issues/NUMBER`; None for anything else."""
    try:
        parts = urlsplit(url.strip())
        host = parts.netloc.rpartition("@")[2].lower() if parts.hostname and parts.port != 0 else ""
    except ValueError:
        return None
    match = _ISSUE_PATH.fullmatch(parts.path)
    if match is None or match[2] in (".", "..") or parts.scheme not in ("http", "https"):
        return None
    if not _HOST.fullmatch(host):
        return None
    owner, repo, number = match.groups()
    repo = repo.removesuffix(".git")
    return IssueAddress(scheme=parts.scheme, host=host, owner=owner, repo=repo, number=int(number))


async def fetch_issue(address: IssueAddress, config: GitHubConfig) -> FetchedIssue:
    """Return an issue with its first `MOST_COMMENTS` comments.

    The token, where the environment has one, goes to the host of `config.api` and to no other.

    Raises:
        UsageError: the number is a pull request's, or the token's variable holds no token.
        GitHubError: there is no such issue, access is refused, the rate limit is used up, the host can't
            be reached or doesn't answer as GitHub does.
    """
    async with _open_door(address, config) as door:
        path = f"/repos/{address.owner}/{address.repo}/issues/{address.number}"
        issue = await door.read_issue(path)
        if issue.pull_request is not None:
            raise UsageError(f"{address} is a pull request; name an issue, or give its text in a file")
        comments = await door.read_comments(f"{path}/comments?per_page={MOST_COMMENTS}")
    now = parse_issue_url(issue.html_url) or address
    same_host = (now.scheme, now.host) == (address.scheme, address.host)
    texts = tuple(f"[{comment.author_association}]\n{comment.body}" for comment in comments if comment.body)
    return FetchedIssue(
        address=now if same_host else address,
        title=issue.title,
        body=issue.body or "",
        comments=texts,
        comments_left_out=max(0, issue.comments - len(comments)),
        labels=tuple(label if isinstance(label, str) else label.name for label in issue.labels),
        state=issue.state,
    )


class _Door:
    """An open connection, and the words for what can go wrong on it."""

    def __init__(self, client: httpx2.AsyncClient, address: IssueAddress, config: GitHubConfig) -> None:
        self._client = client
        self._address = address
        self._variable = config.token_variable
        self._base = _api(address, config)

    async def read_issue(self, path: str) -> _Issue:
        issue, _ = await self._get(self._base + path, _ISSUE)
        return issue

    async def read_comments(self, path: str) -> list[_Comment]:
        """Return the comments, page by page, up to the bound."""
        comments: list[_Comment] = []
        url: str | None = self._base + path
        while url is not None and len(comments) < MOST_COMMENTS:
            page, url = await self._get(url, _COMMENTS)
            if not page:
                break
            comments += page
        return comments[:MOST_COMMENTS]

    async def _get(self, url: str, form: TypeAdapter[Reply]) -> tuple[Reply, str | None]:
        """Return what an address holds, and the address of the next page."""
        request = self._client.build_request("GET", url)
        for _ in range(_MOST_REDIRECTS):
            if _origin(str(request.url)) != _origin(self._base):
                raise GitHubError(f"{self._base} redirects to another host, which is not followed")
            response = await self._client.send(request, stream=True)
            try:
                if response.next_request is None:
                    return await self._parse(response, form), response.links.get("next", {}).get("url")
                request = response.next_request
            finally:
                await response.aclose()
        raise GitHubError(f"{self._base} redirects more than {_MOST_REDIRECTS} times for {self._address}")

    async def _parse(self, response: httpx2.Response, form: TypeAdapter[Reply]) -> Reply:
        if response.status_code != 200:
            raise GitHubError(_refusal(response, self._address, self._variable))
        data = bytearray()
        async for part in response.aiter_bytes():
            data += part
            if len(data) > _LARGEST_REPLY:
                raise GitHubError(f"{self._address} is larger than {_LARGEST_REPLY >> 20} MiB")
        try:
            return form.validate_json(bytes(data))
        except ValidationError as error:
            kind = response.headers.get("content-type", "nothing")[:80]
            fault = f"{self._base} doesn't answer as GitHub does ({kind}); check the address"
            raise GitHubError(fault) from error


@asynccontextmanager
async def _open_door(address: IssueAddress, config: GitHubConfig) -> AsyncIterator[_Door]:
    base = _api(address, config)
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "swe-scale"}
    token = _token(config)
    if _origin(base)[1] is None or not base.startswith(("http://", "https://")):
        raise UsageError(f"`github.api` is {config.api!r}, which is no web address; name one")
    if token and _origin(base) == _origin(config.api):
        headers["Authorization"] = f"Bearer {token}"
    try:
        with anyio.fail_after(_SECONDS):
            async with httpx2.AsyncClient(headers=headers, timeout=_SECONDS) as client:
                yield _Door(client, address, config)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise GitHubError(f"{base} did not answer within {_SECONDS:.0f} s; try again later") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise GitHubError(f"{base} can't be reached: {reason}; check the network and the address") from error


def _api(address: IssueAddress, config: GitHubConfig) -> str:
    if address.host in ("github.com", "www.github.com"):
        return config.api.rstrip("/")
    return f"{address.scheme}://{address.host}/api/v3"


def _origin(url: str) -> tuple[str, str | None, int]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "", None, 0


def _token(config: GitHubConfig) -> str:
    token = os.environ.get(config.token_variable, "").strip()
    if token and not re.fullmatch(r"[!-~]+", token):
        raise UsageError(f"{config.token_variable} holds characters that no token has; set it again")
    return token


def _refusal(response: httpx2.Response, address: IssueAddress, variable: str) -> str:
    """Return what a status other than 200 means, and what to do about it."""
    status, headers = response.status_code, response.headers
    limited = headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers
    if status == 429 or (status == 403 and limited):
        return f"GitHub's rate limit is used up{_reset(response)}; wait, or set {variable} for a higher one"
    meanings = {
        401: f"GitHub refuses the token in {variable}; set a valid one, or unset it for public issues",
        403: f"GitHub refuses access to {address}; the token in {variable} may lack the right to read issues",
        404: f"There is no {address}, or it is private; check the address, or set {variable} to a token",
        410: f"{address} was deleted, or its repository has issues turned off",
    }
    return meanings.get(status, f"GitHub answered {status} for {address}; try again later")


def _reset(response: httpx2.Response) -> str:
    after, at = response.headers.get("retry-after", ""), response.headers.get("x-ratelimit-reset", "")
    if re.fullmatch(r"[0-9]{1,6}", after):
        return f" for {after} s"
    if re.fullmatch(r"[0-9]{1,11}", at):
        return f" until {datetime.fromtimestamp(int(at), UTC):%Y-%m-%d %H:%M} UTC"
    return ""
