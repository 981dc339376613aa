"""Container services and bubblewrap, and which of them will be used."""

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swe_scale.config import SandboxConfig
from swe_scale.doctor.findings import Finding
from swe_scale.doctor.programs import PATIENCE, first_line
from swe_scale.doctor.storage import folder
from swe_scale.errors import UsageError
from swe_scale.sandbox.choice import choose_sandbox, why_not_bubblewrap, why_not_docker

_STRENGTH = {
    "docker": "containers without network or privileges; on the host's kernel if `runtime` names no other",
    "bubblewrap": "namespaces without network, privileges or the host's files; on the host's kernel",
    "local": "NO isolation: commands run as this user, with its files and its network",
}
_OTHER = "of another package, which says itself how strong it is"


def docker(base_url: str | None = None) -> Finding:
    """Return whether the Docker service answers, how it is set up, and how much room it has."""
    reason = why_not_docker(base_url)
    if reason is not None:
        return Finding(topic="docker", status="warn", text=reason, fix=_docker_fix(reason))
    facts = _facts(base_url)
    text = (
        f"{facts.get('ServerVersion')}, storage driver {facts.get('Driver')}, "
        f"control groups version {facts.get('CgroupVersion', '1')}{_hardening(facts)}"
    )
    bounds = {"memory": "MemoryLimit", "processes": "PidsLimit"}
    unbounded = [name for name, key in bounds.items() if not facts.get(key)]
    if unbounded:
        text += f"; can't bound {' and '.join(unbounded)}"
        return Finding(topic="docker", status="warn", text=text, fix="mount the kernel's control groups")
    root = Path(facts.get("DockerRootDir") or "/nonexistent")
    if not root.is_dir():
        return Finding(topic="docker", status="ok", text=text)
    room = folder("docker", root, "docker image prune")
    return room.model_copy(update={"text": f"{text}; {room.text}"})


def _facts(base_url: str | None) -> Mapping[str, Any]:
    import docker as sdk

    if base_url is None:
        client = sdk.from_env(timeout=PATIENCE)
    else:
        client = sdk.DockerClient(base_url=base_url, timeout=PATIENCE)
    with contextlib.closing(client):
        facts: Mapping[str, Any] = client.info()
    return facts


def podman(sockets: tuple[Path, ...] | None = None) -> Finding:
    """Return whether Podman could stand in for Docker."""
    version = first_line(["podman", "--version"])
    if version is None:
        return Finding(topic="podman", status="ok", text="not there; needed only in Docker's place")
    user = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    for socket in sockets or (user / "podman/podman.sock", Path("/run/podman/podman.sock")):
        address = f"unix://{socket}"
        if socket.exists() and why_not_docker(address) is None:
            text = f'{version}; use it with kind = "docker", base_url = "{address}" under [sandbox]'
            return Finding(topic="podman", status="ok", text=text)
    fix = "to use it in Docker's place: systemctl --user enable --now podman.socket"
    return Finding(topic="podman", status="ok", text=f"{version}, but its socket doesn't answer", fix=fix)


def bubblewrap() -> Finding:
    """Return whether bubblewrap can give a program namespaces of its own."""
    reason = why_not_bubblewrap(PATIENCE)
    if reason is None:
        return Finding(topic="bubblewrap", status="ok", text=first_line(["bwrap", "--version"]) or "works")
    missing = shutil.which("bwrap") is None
    fix = (
        "sudo apt-get install bubblewrap"
        if missing
        else "see `user namespaces`; in a container, it must allow them"
    )
    return Finding(topic="bubblewrap", status="warn", text=reason, fix=fix)


def sandbox(configured: SandboxConfig | None) -> Finding:
    """Return which sandbox a run will use, and how strong it is."""
    try:
        kind = (configured or choose_sandbox()).kind
    except UsageError as error:
        text, _, fix = str(error).partition("\n")
        return Finding(topic="sandbox", status="fault", text=text, fix=fix.replace("\n", " "))
    origin = "as configured" if configured else "by default"
    status = "warn" if kind == "local" else "ok"
    return Finding(topic="sandbox", status=status, text=f"{kind}, {origin}: {_STRENGTH.get(kind, _OTHER)}")


def _docker_fix(reason: str) -> str:
    if "closed to this user" in reason:
        return "sudo usermod -aG docker $USER, then log in again (this makes the user as strong as root)"
    if shutil.which("dockerd") is None:
        return "to use it: sudo apt-get install docker.io"
    return "to use it: sudo systemctl start docker"


def _hardening(facts: Mapping[str, Any]) -> str:
    options = " ".join(facts.get("SecurityOptions") or ())
    names = [
        name for name in ("rootless", "seccomp", "apparmor", "selinux", "userns") if f"name={name}" in options
    ]
    return f", {', '.join(names)}" if names else ", without seccomp"
