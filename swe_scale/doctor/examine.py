"""Looks at everything at the same time, each for a few seconds at most."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from swe_scale.config import Docker, ModelConfig, Pool, UserConfig, cache_folder
from swe_scale.doctor import kernel, programs, services, storage
from swe_scale.doctor.endpoint import endpoint
from swe_scale.doctor.findings import Finding, Report
from swe_scale.models.probe import Single
from swe_scale.sandbox.cgroup import Groups

_Probe = Callable[[], Awaitable[Finding]]

_PATIENCE = 15.0
"""Seconds after which a probe of this machine is given up; each takes at most three bounded steps."""
_MODEL_PATIENCE = 60.0
"""Likewise for the endpoint: a server may first have to load the model."""


async def examine(
    user: UserConfig, models: Sequence[ModelConfig] = (), readers: Sequence[ModelConfig] = ()
) -> Report:
    """Return what works here, what will be used, and what mends the rest. Never raises.

    Args:
        user: the user's configuration.
        models: the endpoints to ask; none where none is configured.
        readers: those that are asked to read files; they may be the same.
    """
    machine = _machine(user)
    probes: dict[str, _Probe] = {**machine, **_endpoints(models, readers)}
    findings: dict[str, Finding] = {}

    async def look(topic: str, probe: _Probe) -> None:
        findings[topic] = await _bounded(topic, probe, _PATIENCE if topic in machine else _MODEL_PATIENCE)

    async with anyio.create_task_group() as group:
        for topic, probe in probes.items():
            group.start_soon(look, topic, probe)
    return Report(findings=tuple(findings[topic] for topic in probes))


def _endpoints(models: Sequence[ModelConfig], readers: Sequence[ModelConfig]) -> dict[str, _Probe]:
    """Return the probes that ask the endpoints, those of a pool one by one, each of them once."""
    solving, reading = _singles(models), _singles(readers)
    named = {
        f"{topic} and reader" if one in reading else topic: one
        for topic, one in _numbered("endpoint", solving)
    }
    named |= dict(_numbered("reader", [one for one in reading if one not in solving]))
    if not named:
        return {"endpoint": partial(endpoint, None)}
    return {topic: partial(endpoint, one) for topic, one in named.items()}


def _numbered(topic: str, models: Sequence[Single]) -> list[tuple[str, Single]]:
    several = len(models) > 1
    return [(f"{topic} {number}" if several else topic, one) for number, one in enumerate(models, 1)]


def _singles(models: Sequence[ModelConfig]) -> list[Single]:
    return [one for model in models for one in (model.endpoints if isinstance(model, Pool) else (model,))]


def _machine(user: UserConfig) -> dict[str, _Probe]:
    """Return the probes that ask this machine, in the order in which they are reported."""
    cache, here = cache_folder(), Path.cwd()
    address = user.sandbox.base_url if isinstance(user.sandbox, Docker) else None
    probes: dict[str, Callable[[], Finding]] = {
        "python": programs.python,
        "git": programs.git,
        "docker": partial(services.docker, address),
        "podman": services.podman,
        "bubblewrap": services.bubblewrap,
        "user namespaces": kernel.user_namespaces,
        "apparmor": kernel.apparmor,
        "control groups": lambda: kernel.control_groups(Groups.find()),
        "cells": kernel.cells,
        "run folder": partial(storage.folder, "run folder", here, "start runs on a larger disk"),
        "cache folder": partial(
            storage.folder, "cache folder", cache, "point XDG_CACHE_HOME to a larger local disk"
        ),
        "sandbox": partial(services.sandbox, user.sandbox),
    }
    return {topic: partial(_in_thread, probe) for topic, probe in probes.items()}


async def _in_thread(probe: Callable[[], Finding]) -> Finding:
    return await anyio.to_thread.run_sync(probe, abandon_on_cancel=True)


async def _bounded(topic: str, probe: _Probe, seconds: float) -> Finding:
    """Return what the probe found, or that it took too long or broke."""
    try:
        with anyio.fail_after(seconds):
            # Of several endpoints each is a topic of its own.
            return (await probe()).model_copy(update={"topic": topic})
    except TimeoutError:
        return Finding(topic=topic, status="warn", text=f"no answer within {seconds:g} s")
    except Exception as error:
        # A machine on which a probe breaks is the one whose owner needs the rest of the report.
        return Finding(topic=topic, status="warn", text=f"can't be examined: {type(error).__name__}: {error}")
