"""The one policy for trying again: what may pass is tried a few times, further and further apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Final

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential, wait_random

__all__ = ["LONGEST_WAIT", "pause", "retrying", "without_waiting"]

LONGEST_WAIT: Final = 120.0
"""Seconds. Who asks for more with `retry_after` isn't tried again."""

_backoff = wait_exponential(multiplier=0.5, max=30.0) + wait_random(0.0, 0.5)
_waiting = True


def retrying(tries: int, passing: type[Exception] | tuple[type[Exception], ...]) -> AsyncRetrying:
    """Return a policy; `await retrying(4, Busy)(call, argument)` calls up to five times.

    The waits are 0.5, 1, 2, … up to 30 s, each with up to 0.5 s of jitter, or what the error's attribute
    `retry_after` (seconds, or None) asks for if that is longer. The last error is raised as it came; its
    attribute `again` (a number, or None) stands in for `tries`.

    Args:
        tries: further tries after the first.
        passing: the errors that may pass; any other ends the call at once.
    """

    def exhausted(state: RetryCallState) -> bool:
        return state.attempt_number > _allowed(state, tries) or _asked(state) > LONGEST_WAIT

    return AsyncRetrying(
        sleep=anyio.sleep,
        stop=exhausted,
        wait=_seconds,
        retry=retry_if_exception_type(passing),
        reraise=True,
    )


async def pause(seconds: float) -> None:
    """Sleep, but for the tests that don't wait."""
    await anyio.sleep(seconds if _waiting else 0.0)


@contextmanager
def without_waiting() -> Iterator[None]:
    """Try again at once while the context lasts; for tests."""
    global _waiting
    before, _waiting = _waiting, False
    try:
        yield
    finally:
        _waiting = before


def _seconds(state: RetryCallState) -> float:
    return max(_backoff(state), _asked(state)) if _waiting else 0.0


def _allowed(state: RetryCallState, tries: int) -> int:
    again = getattr(_error(state), "again", None)
    return again if isinstance(again, int) else tries


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _asked(state: RetryCallState) -> float:
    wish = getattr(_error(state), "retry_after", None)
    return float(wish) if isinstance(wish, int | float) and isfinite(wish) else 0.0
