"""Where issues and repositories are, by their web addresses."""

import re
from urllib.parse import urlsplit

from swe_scale.config import GitHubConfig
from swe_scale.errors import UsageError
from swe_scale.records import Record

PUBLIC_HOSTS = ("github.com", "www.github.com")
"""Of the public service, whose programming interface has a host of its own."""
_RESIDENT = ".ghe.com"
"""Ends the hosts of enterprises whose data stays in a region; their interface has a host of its own, too."""
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]*(?::[0-9]+)?|\[[0-9a-f:.]+\](?::[0-9]+)?")
_OWNER, _REPO = r"[A-Za-z0-9][\w-]{0,99}", r"[\w.-]{1,100}"
_ISSUE_PATH = re.compile(rf"/({_OWNER})/({_REPO})/issues/([0-9]{{1,10}})/?", re.ASCII)
_FULL_NAME = re.compile(rf"({_OWNER})/({_REPO})", re.ASCII)


class RepositoryAddress(Record):
    """Where a repository is, without any credentials that stood in the web address."""

    scheme: str
    host: str
    """With the port, where one was given."""
    owner: str
    repo: str

    @property
    def clone_url(self) -> str:
        """Address from which git clones the repository, and to which it pushes."""
        return f"{self.scheme}://{self.host}/{self.full_name}.git"

    @property
    def full_name(self) -> str:
        """Owner and name, as GitHub writes them."""
        return f"{self.owner}/{self.repo}"

    def issue(self, number: int) -> "IssueAddress":
        """Return the address of one of its issues."""
        return IssueAddress(**self._place(), number=number)

    def beside(self, full_name: str) -> "RepositoryAddress | None":
        """Return another repository's address on the same host; None if that is no name of one."""
        match = _FULL_NAME.fullmatch(full_name)
        if match is None or match[2] in (".", ".."):
            return None
        return RepositoryAddress(scheme=self.scheme, host=self.host, owner=match[1], repo=match[2])

    def _place(self) -> dict[str, str]:
        return {"scheme": self.scheme, "host": self.host, "owner": self.owner, "repo": self.repo}

    def __str__(self) -> str:
        return f"{self.full_name} on {self.host}"


class IssueAddress(RepositoryAddress):
    """Where an issue is; a pull request's number is one, too."""

    number: int

    @property
    def repository(self) -> RepositoryAddress:
        """The repository that it is an issue of."""
        return RepositoryAddress(**self._place())

    @property
    def web_url(self) -> str:
        """Its page."""
        return f"{self.scheme}://{self.host}/{self.full_name}/issues/{self.number}"

    def __str__(self) -> str:
        return f"{self.full_name}#{self.number} on {self.host}"


def parse_issue_url(url: str) -> IssueAddress | None:
    """Return where an issue is, for `https://HOST/OWNER/REPO/issues/NUMBER`; None for anything else."""
    try:
        parts = urlsplit(url.strip())
        host = parts.netloc.rpartition("@")[2].lower() if parts.hostname and parts.port != 0 else ""
    except ValueError:
        return None
    match = _ISSUE_PATH.fullmatch(parts.path)
    if match is None or parts.scheme not in ("http", "https"):
        return None
    owner, repo, number = match[1], match[2].removesuffix(".git"), int(match[3])
    if not _HOST.fullmatch(host) or repo in ("", ".", ".."):
        return None
    # The public service answers over https under one name, and redirects from others.
    scheme, host = ("https", PUBLIC_HOSTS[0]) if host in PUBLIC_HOSTS else (parts.scheme, host)
    return IssueAddress(scheme=scheme, host=host, owner=owner, repo=repo, number=number)


def api_of(address: RepositoryAddress, config: GitHubConfig) -> str:
    """Return where the programming interface of an address's host is, without a slash at the end.

    Raises:
        UsageError: the one that is configured is no web address.
    """
    if address.host in PUBLIC_HOSTS:
        base = config.api.rstrip("/")
    elif address.host.endswith(_RESIDENT):
        base = f"https://api.{address.host}"
    else:
        base = f"{address.scheme}://{address.host}/api/v3"
    if origin_of(base)[1] is None or not base.startswith(("http://", "https://")):
        raise UsageError(f"`github.api` is {config.api!r}, which is no web address; name one")
    return base


def origin_of(url: str) -> tuple[str, str | None, int]:
    """Return scheme, host and port; a host of None if it is no web address."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "", None, 0
