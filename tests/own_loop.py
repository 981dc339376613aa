"""Runs async code from a plain test, whatever event loop other tests have left in this thread."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

T = TypeVar("T")


def run_async(function: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """Return what an async function returns, run in a thread and event loop of its own."""
    return run_apart(lambda: anyio.run(function, *arguments))


def run_apart(function: Callable[[], T]) -> T:
    """Return what a function returns that makes event loops itself, run in a thread of its own."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(function).result()
