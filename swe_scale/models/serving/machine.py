"""Finds the GPUs on which a server would run, so that its settings can be made for them."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

import anyio

from swe_scale.events import printable

__all__ = ["Gpu", "Machine", "survey"]

_ASK = ("index", "uuid", "name", "memory.total", "memory.used", "compute_cap", "mig.mode.current")
_SECONDS = 20.0
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card that the server may use."""

    name: str
    memory: int
    """Bytes."""
    used: int
    """Bytes that others hold."""
    capability: float
    """Compute capability, such as 8.9; 0 where the driver doesn't say."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The GPUs of this machine."""

    gpus: tuple[Gpu, ...] = ()
    why: str = ""
    """Why none is known; empty where some are."""


async def survey(variables: Mapping[str, str]) -> Machine:
    """Return the NVIDIA GPUs that a process with these environment variables sees."""
    command = ("nvidia-smi", f"--query-gpu={','.join(_ASK)}", "--format=csv,noheader,nounits")
    try:
        with anyio.fail_after(_SECONDS):
            answer = await anyio.run_process(command, stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        return Machine(why="there is no nvidia-smi, so no NVIDIA driver")
    except TimeoutError:
        return Machine(why=f"nvidia-smi didn't answer within {_SECONDS:.0f} s: the driver hangs")
    except OSError as error:
        return Machine(why=f"nvidia-smi can't be started: {error.strerror}")
    text = answer.stdout.decode(errors="replace")
    if answer.returncode:
        return Machine(why=f"nvidia-smi failed: {_first_line(text)}")
    return _chosen(text, variables)


def _chosen(text: str, variables: Mapping[str, str]) -> Machine:
    """Return the cards of a listing that CUDA_VISIBLE_DEVICES leaves visible."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.strip()]
    if odd := [row for row in rows if len(row) != len(_ASK)]:
        return Machine(why=f"nvidia-smi's answer isn't understood: {_first_line(','.join(odd[0]))}")
    visible = variables.get("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES"))
    if visible is not None:
        rows = [row for name in visible.split(",") for row in rows if _names(name.strip(), row)]
    if not rows:
        hidden = f"; CUDA_VISIBLE_DEVICES is {visible!r}" if visible is not None else ""
        return Machine(why=f"nvidia-smi lists no GPU{hidden}")
    if any(row[6] == "Enabled" for row in rows):
        return Machine(why="a GPU is cut into MIG slices, whose sizes nvidia-smi doesn't list")
    try:
        return Machine(tuple(_gpu(row) for row in rows))
    except ValueError:
        return Machine(why="nvidia-smi doesn't say how much memory a GPU has")


def _names(name: str, row: list[str]) -> bool:
    """Return whether a name in CUDA_VISIBLE_DEVICES, an index or the start of a UUID, means a card."""
    return name == row[0] or (name.startswith("GPU-") and row[1].startswith(name))


def _gpu(row: list[str]) -> Gpu:
    capability = float(row[5]) if re.fullmatch(r"\d+\.\d+", row[5]) else 0.0
    memory = int(row[3]) * _MIB
    if memory <= 0:
        raise ValueError(memory)
    return Gpu(printable(row[2])[:80], memory, max(0, int(row[4])) * _MIB, capability)


def _first_line(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), "it said nothing")
    return printable(" ".join(line.split()))[:200]
