"""Which token goes where: to the configured host, and to no other."""

import os
import re
from urllib.parse import urlsplit

from swe_scale.config import GitHubConfig
from swe_scale.errors import UsageError
from swe_scale.github.address import PUBLIC_HOSTS, RepositoryAddress, api_of, origin_of

_DEFAULT = str(GitHubConfig.model_fields["api"].default)


def settled(config: GitHubConfig, host: str) -> GitHubConfig:
    """Return the configuration for a host: in a job of an Enterprise server, its own where none is set."""
    told = os.environ.get("GITHUB_API_URL", "")
    if not told or config.api != _DEFAULT or host in PUBLIC_HOSTS:
        return config
    return config.model_copy(update={"api": told})


def token_of(config: GitHubConfig) -> str:
    """Return the token that the environment has; empty if it has none.

    Raises:
        UsageError: what is there can't be a token.
    """
    token = os.environ.get(config.token_variable, "").strip()
    if token and not re.fullmatch(r"[!-~]+", token):
        raise UsageError(f"{config.token_variable} holds characters that no token has; set it again")
    return token


def is_ours(address: RepositoryAddress, config: GitHubConfig) -> bool:
    """Return whether an address is on the host that the token is for, and is reached as safely.

    Raises:
        UsageError: the configured host is no web address.
    """
    if address.host in PUBLIC_HOSTS and address.scheme != "https":
        return False
    return origin_of(api_of(address, config)) == origin_of(config.api)


def token_for(source: str, config: GitHubConfig) -> str:
    """Return the token that git shows to a repository's host; empty if it is another host's, or a path.

    Args:
        source: path or address of a repository.
        config: with the host that the token is for.

    Raises:
        UsageError: what is there can't be a token.
    """
    try:
        parts = urlsplit(source)
        host = parts.netloc
    except ValueError:
        return ""
    # An address that holds a password of its own needs none of ours.
    if parts.scheme not in ("http", "https") or not host or "@" in host:
        return ""
    address = RepositoryAddress(scheme=parts.scheme, host=host.lower(), owner="owner", repo="repo")
    config = settled(config, address.host)
    return token_of(config) if is_ours(address, config) else ""
