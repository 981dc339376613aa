"""What the kernel lets an ordinary process do: namespaces, control groups, overlays."""

import os
import subprocess
import tempfile
from pathlib import Path

from swe_scale.doctor.findings import Finding
from swe_scale.doctor.programs import PATIENCE
from swe_scale.sandbox.cgroup import Groups

_SWITCHES = {
    "kernel/unprivileged_userns_clone": ("0", "1", "only root may make user namespaces"),
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "0", "AppArmor restricts user namespaces"),
    "user/max_user_namespaces": ("0", "15000", "no user namespaces may be made"),
}
"""Setting: the value that is in the way, the one to set, and what the former means."""

_OVERLAY = """
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir lower upper work merged
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
touch merged/file
"""


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
    text = "in use; its default profile keeps containers from making overlays, so Docker cells start slower"
    return Finding(topic="apparmor", status="ok", text=text)


def control_groups(groups: Groups | None) -> Finding:
    """Return with which control groups this process could bound what it starts."""
    topic = "control groups"
    if groups is None:
        return Finding(
            topic=topic,
            status="warn",
            text="none may be made here: bubblewrap bounds memory per process only",
            fix="start with: systemd-run --user --scope -p Delegate=yes swe-scale …",
        )
    version, names = 2 if groups.unified else 1, ", ".join(sorted(groups.parents))
    if "cpu" in groups.parents:
        return Finding(topic=topic, status="ok", text=f"version {version}: {names} can be bounded")
    return Finding(topic=topic, status="warn", text=f"version {version}: {names} can be bounded, cpu can't")


def overlay() -> Finding:
    """Return whether an overlay can be mounted in a user namespace; tries it."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", _OVERLAY, "sh"]
    with tempfile.TemporaryDirectory(prefix="swe-scale-") as folder:
        try:
            trial = subprocess.run(
                [*command, folder],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=PATIENCE,
                check=False,
            )
        except OSError:
            text = "unshare is missing, so it can't be tried"
            return Finding(topic="overlay", status="warn", text=text, fix="sudo apt-get install util-linux")
    if trial.returncode == 0:
        return Finding(topic="overlay", status="ok", text="can be mounted in a user namespace")
    reason = trial.stderr.decode("utf-8", "replace").strip().splitlines()[:1] or ["no reason given"]
    text = f"can't be mounted in a user namespace ({reason[0]}): trees are copied instead, which takes longer"
    return Finding(topic="overlay", status="ok", text=text)


def _content(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return None
