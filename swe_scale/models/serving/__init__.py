"""Starts a model server of our own with settings for parallel conversations, and keeps it alive."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swe_scale.config import Serve
from swe_scale.models.serving.health import Served
from swe_scale.models.serving.launch import Launch, prepare
from swe_scale.models.serving.supervision import Say, kept_alive

__all__ = ["Launch", "Say", "Served", "kept_alive", "prepare", "serving"]


@asynccontextmanager
async def serving(model: str, serve: Serve, say: Say) -> AsyncIterator[Served]:
    """Serve a model as long as the context lasts; it is started again when it crashes.

    Raises:
        UsageError: the model or a setting can't be used.
        ModelError: it doesn't fit, can't start, or crashed too often; what runs in the context is cancelled.
    """
    launch = await prepare(model, serve)
    for line in launch.plan.budget():
        say(line)
    say(f"starting the server; its log is {launch.log}")
    async with kept_alive(launch, say) as served:
        yield served
