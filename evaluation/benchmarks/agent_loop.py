"""What the agent's loop costs per turn in Docker, beside mini-swe-agent on the same commands.

Both sides run bash commands in the same image, with a model that answers at once, and keep a record. What
counts is the wall clock of a turn less what its command says that it took itself. Ours also reads what has
become of the work tree after every command, which the baseline doesn't: that is left out, and reported apart.
The container service needs a base image: the configured default, or the one that SWE_SCALE_TEST_IMAGE names.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex

import anyio
import docker
from harness import Figure, Goal, arguments, compare, in_turn, installed, report
from startup import MINI

sys.path.insert(0, str(Path(__file__).parent / "cells"))

from fresh import RUN, write_tree

from swe_scale.config import Docker
from swe_scale.events import Events
from swe_scale.records import Environment
from swe_scale.sandbox import Recipe, open_backend

TURNS = 40
"""Of one trajectory, but for the first and the last."""

Run = Callable[[str, int], Mapping[str, float]]
"""Returns milliseconds per turn of a side (`look`, `change`, `saved`, `unsaved`), by what they are for."""

_AGENTS = Path(__file__).parent / "agents"


async def built(folder: Path) -> Environment:
    """Make a small work tree in a folder and return an environment with the same files."""
    config = Docker(base_image=os.environ.get("SWE_SCALE_TEST_IMAGE", Docker().base_image))
    write_tree(folder)
    async with open_backend(config, RUN, Events()) as backend:
        return await backend.build(Recipe(), folder, token_hex(8))


def commit(folder: Path) -> None:
    """Make a repository of a folder."""
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for line in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "start")):
        subprocess.run(["git", *line], cwd=folder, check=True)


def ours(environment: Environment, source: Path, side: str, turns: int) -> Mapping[str, float]:
    """Return what one trajectory of ours takes, in a process of its own."""
    program = str(_AGENTS / "ours_docker.py")
    return told([sys.executable, program, environment.model_dump_json(), str(source), str(turns), side])


def told(command: list[str]) -> Mapping[str, float]:
    """Return the figures that a process prints."""
    quiet = {**os.environ, "MSWEA_SILENT_STARTUP": "1"}
    done = subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    found: Mapping[str, float] = json.loads(done.stdout)
    return found


@contextmanager
def processes() -> Iterator[Run]:
    """Yield what measures a side in a process of its own; the image that it needs is gone afterwards."""
    mini = str(installed(MINI) / "python")
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        source = Path(place) / "source"
        source.mkdir()
        environment = anyio.run(built, source)
        commit(source)
        theirs = [mini, str(_AGENTS / "mini_docker.py"), str(environment.image), environment.workdir]

        def run(side: str, turns: int) -> Mapping[str, float]:
            if side in ("look", "change"):
                return ours(environment, source, side, turns)
            return told([*theirs, str(turns), side])

        try:
            yield run
        finally:
            forget(environment)


def forget(environment: Environment) -> None:
    """Remove the images of an environment."""
    client = docker.from_env()
    for image in client.images.list():
        if environment.digest in json.dumps(image.labels):
            client.images.remove(image.id, force=True)
    client.close()


def measure(run: Run, turns: int, repeats: int) -> list[Figure]:
    """Return the figures."""
    sides = ("look", "saved", "unsaved", "change")
    took = in_turn({side: partial(run, side, turns) for side in sides}, repeats)
    whole, read = ([one[name] for one in took["look"]] for name in ("whole", "read"))
    loop = [all_ - part for all_, part in zip(whole, read, strict=True)]
    changed = [one["whole"] - rest for one, rest in zip(took["change"], loop, strict=True)]
    saved, unsaved = ([one["ms"] for one in took[side]] for side in ("saved", "unsaved"))
    name = "loop per turn, without model, command and snapshot"
    return [
        compare(f"{name}; both recorded", "ms", loop, saved, Goal(most=0.5)),
        compare(f"{name}; the baseline unrecorded", "ms", loop, unsaved),
        compare("the same with our snapshots; both recorded", "ms", whole, saved),
        compare("snapshot and look at the check after a command that changed nothing", "ms", read, None),
        compare("the same with tree and patch after one that changed a file", "ms", changed, None),
    ]


if __name__ == "__main__":
    chosen = arguments("What an agent's turn costs in Docker, beside mini-swe-agent.", repeats=7)
    with processes() as measured:
        report(measure(measured, TURNS, chosen.repeats), as_json=chosen.json)
