"""What the kernel lets an ordinary process do: namespaces, control groups, cells."""

import os
import platform
import shutil
import tempfile
import time
from pathlib import Path

import anyio

from swe_scale.config import Limits
from swe_scale.doctor.findings import Finding
from swe_scale.errors import SandboxError
from swe_scale.sandbox.box import Size
from swe_scale.sandbox.bwrap import Rooms
from swe_scale.sandbox.cgroup import Groups
from swe_scale.sandbox.helper import provide
from swe_scale.sandbox.preparation import PATH

_SWITCHES = {
    "kernel/unprivileged_userns_clone": ("0", "1", "only root may make user namespaces"),
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "0", "AppArmor restricts user namespaces"),
    "user/max_user_namespaces": ("0", "15000", "no user namespaces may be made"),
}
"""Setting: the value that is in the way, the one to set, and what the former means."""


def user_namespaces(settings: Path = Path("/proc/sys")) -> Finding:
    """Return whether the kernel's settings allow user namespaces, which bubblewrap needs."""
    topic = "user namespaces"
    for name, (bad, good, meaning) in _SWITCHES.items():
        # The first two bind only processes without privileges.
        free = os.geteuid() == 0 and name.startswith("kernel/")
        if _content(settings / name) == bad and not free:
            key = name.replace("/", ".")
            return Finding(
                topic=topic,
                status="warn",
                text=f"{meaning} ({key} = {bad}), so bubblewrap can't work",
                fix=f"sudo sysctl -w {key}={good}",
            )
    return Finding(topic=topic, status="ok", text="no setting forbids them")


def apparmor(module: Path = Path("/sys/module/apparmor")) -> Finding:
    """Return whether AppArmor is on; its default profile keeps containers from mounting."""
    if _content(module / "parameters" / "enabled") != "Y":
        return Finding(topic="apparmor", status="ok", text="not in use")
    text = "in use; its default profile keeps containers from making overlays: a Docker container per cell"
    return Finding(topic="apparmor", status="ok", text=text)


def control_groups(groups: Groups | None) -> Finding:
    """Return with which control groups this process could bound what it starts."""
    topic = "control groups"
    if groups is None:
        return Finding(
            topic=topic,
            status="warn",
            text="none may be made here, so bubblewrap can't limit CPUs and all memory together",
            fix="start with: systemd-run --user --scope -p Delegate=yes swe-scale …; or --allow-unbounded",
        )
    version, names = 2 if groups.unified else 1, ", ".join(sorted(groups.parents))
    if "cpu" in groups.parents:
        return Finding(topic=topic, status="ok", text=f"version {version}: {names} can be bounded")
    return Finding(topic=topic, status="warn", text=f"version {version}: {names} can be bounded, cpu can't")


def cells() -> Finding:
    """Return whether a cell can be made in namespaces of this host; makes one."""
    topic = "cells"
    slow = "the tree is copied for each sandbox, or a container started"
    if shutil.which("bwrap") is None:
        return Finding(topic=topic, status="ok", text="not tried on this host, for want of bubblewrap")
    try:
        program = anyio.run(provide, platform.machine())
    except SandboxError as error:
        fix = "sudo apt-get install gcc libc6-dev"
        return Finding(topic=topic, status="warn", text=f"{error}: {slow}", fix=fix)
    try:
        took = anyio.run(_cell, program)
    except SandboxError as error:
        fix = "see `user namespaces`; overlays in them want Linux 6.6"
        return Finding(topic=topic, status="warn", text=f"{error}: {slow}", fix=fix)
    return Finding(topic=topic, status="ok", text=f"a fresh overlay and a command in it take {took:.0f} ms")


async def _cell(program: Path) -> float:
    """Return the milliseconds of a cell in a box that is there already."""
    with tempfile.TemporaryDirectory(prefix="swe-scale-") as folder:
        rooms = Rooms(program, {"/work": Path(folder)}, {}, None)
        box = await rooms.make(Size.of(Limits()))
        try:
            for _ in range(2):
                started = time.perf_counter()
                await box.begin(rooms.plan(), 1 << 20)
                await box.run(("true",), Limits(), folder="/work", variables={"PATH": PATH})
                took = time.perf_counter() - started
        finally:
            await box.close()
    return 1000 * took


def _content(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return None
