"""GitHub's rate limits: what a refusal asks for, by GitHub's guide to its REST interface.

Source: docs.github.com, "Rate limits for the REST API" and "Best practices for using the REST API".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

_SECONDARY = 60.0
"""Seconds to wait at least after a secondary limit that doesn't say for how long; doubled each time."""
_NUMBER = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class Limited:
    """A rate limit is used up."""

    seconds: float
    """To wait before the next try."""
    said: str
    """For how long, in words; empty if GitHub doesn't say."""


def limited(
    status: int, headers: Mapping[str, str], message: str, now: float, times: int = 0
) -> Limited | None:
    """Return what a refusal asks for if it is for a rate limit; None if it is for another reason.

    Args:
        status: of the answer.
        headers: of the answer, by names in small letters.
        message: GitHub's own words.
        now: seconds since the epoch.
        times: refusals for a rate limit before this one, in a row.
    """
    after, left = headers.get("retry-after", ""), headers.get("x-ratelimit-remaining")
    told = bool(after) or left == "0" or "rate limit" in message.lower()
    if status not in (403, 429) or not (told or status == 429):
        return None
    if re.fullmatch(r"[0-9]{1,6}", after):
        # Never nothing: whoever is told to try again at once, each time, would do so forever.
        return Limited(max(1.0, float(after)), f" for {after} s")
    at = headers.get("x-ratelimit-reset", "")
    if left in ("0", None) and _NUMBER.fullmatch(at):
        # One more second: the time is given without fractions.
        return Limited(max(1.0, float(at) - now + 1), f" until {_moment(int(at))} UTC")
    return Limited(_SECONDARY * 2.0 ** min(times, 10), "")


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
