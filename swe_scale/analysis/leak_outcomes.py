"""Tells from what a command printed whether it brought anything: most attempts fail without a network."""

import re
from typing import Literal

Severity = Literal["certain", "likely", "note"]

_FAILED = re.compile(
    r"could not resolve|couldn't resolve|couldn't connect|could not connect|name or service not known"
    r"|name resolution|network is unreachable|connection refused|connection timed out|connection reset"
    r"|failed to establish a new connection|no route to host|proxyerror|max retries exceeded|urlopen error"
    r"|no matching distribution|could not find a version|no such host|unable to access|not found"
    r"|could not read from remote|does not appear to be a git repository|no such remote|enotfound|eai_again"
    r"|getaddrinfo|no such file|permission denied|forbidden|unknown revision|bad object|bad revision"
    r"|not a valid object|invalid object|did not match any|ambiguous argument|no remote repository"
    r"|no configured|failed to fetch|packagesnotfound|condahttperror|dns error|spurious network error"
    r"|already satisfied|already installed|already up to date|fatal: |timed out|unable to resolve",
    re.IGNORECASE,
)
_BROUGHT = re.compile(
    r"successfully (?:installed|downloaded)|^saved \.?/|receiving objects|resolving deltas|unpacking objects"
    r"|\* \[new (?:branch|tag)\]|-> fetch_head|^diff --git |^commit [0-9a-f]{40}|^from [0-9a-f]{40} "
    r"|<!doctype html|\"(?:sha|info|html_url|diff_url|tarball)\": ?[\"{]"
    r"|http/[\d.]{1,3} 200|available versions:|^added \d{1,6} packages"
    r"|download(?:ing|ed) \S{1,200}\.(?:whl|tar\.gz|crate|gem|tgz)",
    re.IGNORECASE | re.MULTILINE,
)


def outcome(output: str | None, code: int | None = None) -> Severity:
    """Return how sure it is that a command brought something from outside: not at all makes it a note.

    Args:
        output: what it printed. None: that isn't known.
        code: its exit code, where that is known.
    """
    if output is None:
        return "likely"
    if _BROUGHT.search(output):
        return "certain"
    if _FAILED.search(output) or code not in (0, None):
        return "note"
    return "likely"
