"""Agents that aren't ours, in small, and what is needed to run them: a desk, a sandbox, a server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import docker
from scripted_server import ScriptedServer
from solving_kit import FILES, LIMITS, LOCAL, UNBOUND, Desk, open_desk, spoken

from swe_scale.config import Budget, Exec, Limits, OpenAIEndpoint, SandboxConfig
from swe_scale.models import open_model
from swe_scale.records import Environment, Sampling, Trajectory
from swe_scale.sandbox.boxes import BOX
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.making import make

ASKING = """
import json, os, sys, urllib.error, urllib.request
def ask(path="/chat/completions", base=os.environ["OPENAI_BASE_URL"], **fields):
    body = {"model": "dearest", "messages": [{"role": "user", "content": "hi"}], **fields}
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    request = urllib.request.Request(base + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
"""
"""The beginning of an agent of the tests: how it asks its model."""
RIGHT = """
import pathlib
file = pathlib.Path("stats.py")
file.write_text(file.read_text().replace("len(values)", "max(len(values), 1)"))
"""
"""What it changes."""


def agent(*lines: str) -> tuple[str, ...]:
    """Return the command of an agent that runs these lines of Python."""
    return ("python3", "-c", "\n".join((ASKING, *lines)))


def answering(texts: Sequence[str] = ("hello",), **fields: Any) -> ScriptedServer:
    """Return a server that gives these replies in turn, the last of them again and again."""
    left = list(texts)
    return ScriptedServer(lambda _, __: left.pop(0) if len(left) > 1 else left[0], **fields)


@asynccontextmanager
async def open_served(
    folder: Path,
    server: ScriptedServer,
    *,
    sandbox: SandboxConfig = LOCAL,
    budget: Budget = UNBOUND,
    limits: Limits = LIMITS,
    **fields: Any,
) -> AsyncIterator[Desk]:
    """Open a desk whose model is at a server."""
    config = OpenAIEndpoint(base_url=server.base_url, model=server.model, retries=0, **fields)
    # So that nobody else uses the image that is removed.
    files = {**FILES, "own.txt": token_hex().encode()}
    built: list[Environment] = []
    try:
        async with (
            open_model(config) as model,
            open_desk(folder, spoken(()), files=files, sandbox=sandbox, budget=budget, limits=limits) as desk,
        ):
            built.append(desk.setting.cells.environment)
            yield replace(desk, setting=replace(desk.setting, model=model))
    finally:
        for environment in built:
            forget(environment)


def forget(environment: Environment) -> None:
    """Remove the images of an environment, if it has any."""
    if environment.image is None:
        return
    with closing(docker.from_env()) as client:
        for image in client.images.list(filters={"label": f"{BOX}={environment.digest}"}):
            client.images.remove(image.id, force=True)
        client.images.remove(environment.image, force=True)


async def run(desk: Desk, command: Sequence[str], **fields: Any) -> Trajectory:
    """Return the trajectory of a command."""
    settings = Exec.model_validate({"kind": "exec", "command": tuple(command), **fields})
    return await make(desk.setting, Assignment(1, "mine", Sampling(max_tokens=500), settings))
