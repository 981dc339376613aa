"""Launches of servers that act, and what is left of them."""

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2

from swe_scale.config import Serve
from swe_scale.models.serving import Launch, prepare

ACTING = (sys.executable, str(Path(__file__).with_name("acting_server.py")), "--model", "{model}")
SMALL = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
}


def described(folder: Path) -> Path:
    """Return the folder, now of a model that is nothing but its description."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(SMALL))
    return folder


def acting(place: Path, **variables: object) -> Serve:
    """Return the settings of a server that acts, and notes its processes in a folder."""
    given = {"ACT_PLACE": str(place), **{name: str(value) for name, value in variables.items()}}
    return Serve(command=ACTING, port=0, variables=given, start_seconds=60)


async def launch(model: Path, serve: Serve, **changes: Any) -> Launch:
    """Return a launch that waits for nothing."""
    return replace(await prepare(str(model), serve), **{"pause": 0.01, "grace": 2.0, **changes})


def noted(place: Path, kind: str) -> list[int]:
    """Return the processes that were started: `servers` or `engines`."""
    with contextlib.suppress(FileNotFoundError):
        return [int(word) for word in (place / kind).read_text().split()]
    return []


def alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def all_gone(place: Path) -> bool:
    return not any(alive(one) for kind in ("servers", "engines") for one in noted(place, kind))


async def reach(goal: Callable[[], bool]) -> None:
    """Return once something holds; the test's own time limit bounds it."""
    while not goal():  # noqa: ASYNC110 - other processes set no event of ours
        await anyio.sleep(0.02)


def keeper_of(server: int) -> int:
    return int(Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[1])


async def ask(base_url: str, path: str) -> Any:
    """Return what a server that acts answers; None where it breaks off."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        with contextlib.suppress(httpx2.HTTPError):
            return (await client.get(base_url.removesuffix("/v1") + path)).json()
    return None
