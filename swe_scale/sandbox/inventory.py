"""Lists what is kept to start from, environments and images, and removes what was used least recently."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import anyio

from swe_scale.config import cache_folder
from swe_scale.errors import SandboxError
from swe_scale.records import Record
from swe_scale.sandbox.engine import RUN, Engine
from swe_scale.sandbox.kept import RECORD
from swe_scale.sandbox.left_over import remove_folder
from swe_scale.sandbox.usage import is_used, last_used, reserved

Kind = Literal["box", "environment", "base"]
_OURS = "swe-scale/"
_KINDS: Mapping[str, Kind] = {"box": "box", "environment": "environment", "base": "base"}
_ORDER = ("box", "environment", "base")
"""What is made of another is removed before it."""
_CONFLICT = 409


class Kept(Record):
    """An image or a folder that environments start from."""

    name: str
    kind: Kind
    backend: str
    size: int
    """Bytes that nothing else shares, so that at least as many are free once it is gone."""
    made: datetime
    used: datetime
    """Last use; where none is written down, when it was made."""
    users: tuple[str, ...] = ()
    """Who uses it now; what has any is never removed."""

    @property
    def key(self) -> str:
        """What its use is written down under."""
        tag = self.name.rpartition(":")[2].rpartition("/")[2]
        return f"base-{tag}" if self.kind == "base" else tag.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What came of making room."""

    removed: tuple[Kept, ...]
    free: int
    """Bytes on the fullest of the disks that were looked at."""
    reached: bool
    """Whether each of these disks has as much free as was asked for."""
    in_use: int = 0
    """How many stayed because they are in use."""
    failures: tuple[str, ...] = ()


async def kept(engine: Engine | None) -> list[Kept]:
    """Return what is kept on this host and by a container service, least recently used first.

    Raises:
        SandboxError: the service failed.
    """
    found = await anyio.to_thread.run_sync(_folders)
    if engine is not None:
        found += await engine.call(_images, engine.api)
    return sorted(found, key=lambda one: (one.used, _ORDER.index(one.kind), one.name))


def _images(api: Any) -> list[Kept]:
    containers = api.containers(all=True)
    images = api.df()["Images"] or ()
    found: list[tuple[str, str, Kept]] = []
    for image in images:
        users = tuple(_user(one) for one in containers if one["ImageID"] == image["Id"])
        for name in image["RepoTags"] or ():
            kind = _KINDS.get(name.removeprefix(_OURS).partition(":")[0]) if name.startswith(_OURS) else None
            if kind is not None:
                found.append((image["Id"], image["ParentId"], _kept(name, kind, image, users)))
    return [one.model_copy(update=_with_children(own, one, found)) for own, _, one in found]


def _with_children(own: str, one: Kept, found: Sequence[tuple[str, str, Kept]]) -> dict[str, Any]:
    """Return the use of an image, and of all that is made of it."""
    known, made = {own}, [one]
    # Of a chain of images, each is listed with the one before it.
    for _ in _ORDER:
        children = [(child, kept) for child, parent, kept in found if parent in known and child not in known]
        known |= {child for child, _ in children}
        made += [kept for _, kept in children]
    users = tuple(dict.fromkeys(user for kept in made for user in kept.users))
    return {"used": max(kept.used for kept in made), "users": users}


def _kept(name: str, kind: Kind, image: Mapping[str, Any], users: tuple[str, ...]) -> Kept:
    made = datetime.fromtimestamp(image["Created"], UTC)
    size = max(0, image["Size"] - max(0, image["SharedSize"]))
    one = Kept(name=name, kind=kind, backend="docker", size=size, made=made, used=made, users=users)
    return _with_use(one)


def _with_use(one: Kept) -> Kept:
    stamp = last_used(one.backend, one.key)
    used = one.used if stamp is None else datetime.fromtimestamp(stamp, UTC)
    users = (*one.users, *(("a run",) if is_used(one.backend, one.key) else ()))
    return one.model_copy(update={"used": used, "users": users})


def _user(container: Mapping[str, Any]) -> str:
    name = next(iter(container.get("Names") or ()), container["Id"]).lstrip("/")
    run = (container.get("Labels") or {}).get(RUN)
    return f"container {name} of run {run}" if run else f"container {name}"


def _folders() -> list[Kept]:
    found = []
    for record in sorted((cache_folder() / "environments").glob(f"*/*/{RECORD}")):
        root = record.parent
        made = datetime.fromtimestamp(record.stat().st_mtime, UTC)
        name, backend = f"{root.parent.name}/{root.name}", root.parent.name
        one = Kept(name=name, kind="environment", backend=backend, size=_size(root), made=made, used=made)
        found.append(_with_use(one))
    return found


def _size(root: Path) -> int:
    total, seen = 0, set()
    for path in root.rglob("*"):
        try:
            status = path.lstat()
        except OSError:
            continue
        if status.st_ino not in seen:
            seen.add(status.st_ino)
            total += status.st_blocks * 512
    return total


@dataclass(slots=True)
class _Disks:
    """How much is free where things are kept; removals that are only thought of count too."""

    places: Mapping[str, Path]
    """By backend."""
    thought: dict[int, int] = field(default_factory=dict)

    def free(self, backend: str) -> int:
        """Return the bytes that are free for a backend's data."""
        place = self._place(backend)
        return shutil.disk_usage(place).free + self.thought.get(place.stat().st_dev, 0)

    def think(self, one: Kept) -> None:
        """Count something as if it were removed."""
        device = self._place(one.backend).stat().st_dev
        self.thought[device] = self.thought.get(device, 0) + one.size

    def _place(self, backend: str) -> Path:
        place = self.places.get(backend, cache_folder())
        return next(one for one in (place, *place.parents) if one.exists())


async def prune(engine: Engine | None, keep_free: int, *, dry: bool = False) -> Pruned:
    """Remove what was used least recently until the disks have so many bytes free.

    Args:
        engine: the container service. None: only folders of this host are looked at.
        keep_free: bytes.
        dry: whether to remove nothing, and say what would be.

    Raises:
        SandboxError: the service failed, or its disk can't be seen from here.
    """
    places = {} if engine is None else {"docker": await data_of(engine)}
    disks = _Disks(places)
    removed: list[Kept] = []
    failures: list[str] = []
    in_use = 0
    for one in await kept(engine):
        if disks.free(one.backend) >= keep_free:
            continue
        if one.users:
            in_use += 1
            continue
        try:
            gone = True if dry else await _remove(engine, one)
        except SandboxError as error:
            failures.append(f"{one.name} is still there: {error}")
            continue
        in_use += not gone
        removed += [one] if gone else []
        if dry:
            disks.think(one)
    free = min(disks.free(backend) for backend in ("docker", "")) if places else disks.free("")
    return Pruned(tuple(removed), free, free >= keep_free, in_use, tuple(failures))


async def data_of(engine: Engine) -> Path:
    """Return where a service keeps its data; raises SandboxError where that can't be seen from here."""
    root = Path(str((await engine.call(engine.api.info)).get("DockerRootDir") or ""))
    if not engine.local or not root.is_absolute() or not await anyio.Path(root).is_dir():
        raise SandboxError(
            "the disk of the container service can't be seen from here; prune on the machine that it runs on"
        )
    return root


async def _remove(engine: Engine | None, one: Kept) -> bool:
    """Remove something; return False where it has come into use."""
    try:
        with reserved(one.backend, one.key) as free:
            if not free:
                return False
            if engine is not None and one.backend == "docker":
                return await engine.call(untag, engine.api, one.name)
            await anyio.to_thread.run_sync(_delete, cache_folder() / "environments" / one.name)
            return True
    except OSError as error:
        raise SandboxError(f"{error.strerror}: {error.filename}") from error


def untag(api: Any, name: str) -> bool:
    """Remove the name of an image, and what nothing else needs of it; return False where it is in use."""
    from docker.errors import APIError, ImageNotFound

    try:
        api.remove_image(name)
    except ImageNotFound:
        return True
    except APIError as error:
        if error.status_code == _CONFLICT:
            return False
        raise
    return True


def _delete(root: Path) -> None:
    # Without its record, a half of it is no environment any more.
    (root / RECORD).unlink(missing_ok=True)
    remove_folder(root)


def total(found: Sequence[Kept]) -> int:
    """Return the bytes of several together."""
    return sum(one.size for one in found)
