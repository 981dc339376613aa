"""Reaches the container service for commands that do without it where none is there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from swe_scale.config import Docker, UserConfig
from swe_scale.errors import SandboxError
from swe_scale.sandbox.choice import why_not_docker
from swe_scale.sandbox.engine import Engine


def docker_of(user: UserConfig) -> Docker:
    """Return the configured container service, otherwise the usual one."""
    return user.sandbox if isinstance(user.sandbox, Docker) else Docker()


@asynccontextmanager
async def open_engine(config: Docker) -> AsyncIterator[Engine]:
    """Return a container service.

    Raises:
        SandboxError: none answers.
    """
    engine = Engine(config, "")
    try:
        await engine.connect()
        yield engine
    finally:
        with anyio.CancelScope(shield=True):
            await engine.close()


@asynccontextmanager
async def open_engine_if_any(user: UserConfig) -> AsyncIterator[Engine | None]:
    """Return the container service; None where none is configured and none answers.

    Raises:
        SandboxError: the configured one doesn't answer.
    """
    config = docker_of(user)
    reason = await anyio.to_thread.run_sync(why_not_docker, config.base_url)
    if reason is not None and not isinstance(user.sandbox, Docker):
        yield None
        return
    if reason is not None:
        where = f" at {config.base_url}" if config.base_url else ""
        raise SandboxError(
            f"the container service{where} can't be used: {reason}; `swe-scale doctor` says more"
        )
    async with open_engine(config) as engine:
        yield engine
