"""GitHub: reads issues, and delivers what came of them."""

from swe_scale.github.address import IssueAddress, RepositoryAddress, parse_issue_url
from swe_scale.github.door import Door, open_door
from swe_scale.github.issue import MOST_COMMENTS, FetchedIssue, fetch_issue

__all__ = [
    "MOST_COMMENTS",
    "Door",
    "FetchedIssue",
    "IssueAddress",
    "RepositoryAddress",
    "fetch_issue",
    "open_door",
    "parse_issue_url",
]
