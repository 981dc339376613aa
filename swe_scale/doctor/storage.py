"""Room on the disks that fill up, and whether they are ours alone."""

import shutil
from pathlib import Path

from swe_scale.doctor.findings import Finding
from swe_scale.store.disk import network_file_system

_GIB = 1024**3
LEAST, COMFORTABLE = 1 * _GIB, 10 * _GIB
"""Bytes below which a run will fail, and below which it may: one environment takes some gigabytes."""


def folder(topic: str, path: Path, fix: str) -> Finding:
    """Return how much room there is for a folder that may not exist yet, and whether its disk is local."""
    place = _existing(path)
    free = shutil.disk_usage(place).free
    text = f"{free / _GIB:.1f} GiB free for {path}"
    network = network_file_system(place)
    if network is not None:
        text += f"; on a network file system ({network}), which is slower"
    if free < LEAST:
        return Finding(topic=topic, status="fault", text=text, fix=fix)
    if free < COMFORTABLE or network is not None:
        return Finding(topic=topic, status="warn", text=text, fix=fix)
    return Finding(topic=topic, status="ok", text=text)


def _existing(path: Path) -> Path:
    """Return the path, or the nearest one above it that exists."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())
