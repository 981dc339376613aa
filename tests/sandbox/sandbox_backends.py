"""Which backends can run here, and the tree that their tests share."""

import os
import shutil
import subprocess
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from swe_scale.records import Environment

IMAGE = os.environ.get("SWE_SCALE_TEST_IMAGE", "swe-scale-test/debian:bookworm")
FILES = {
    "demo.py": "def answer():\n    return 41\n",
    "pkg/__init__.py": "",
    "pkg/deep/data.txt": "data\n",
    "tool.sh": "echo tool\n",
    "naïve – \"quoted\" 'name'.txt": "unicode\n",
    "linked": "",
}


def without_docker() -> str:
    try:
        client = docker.from_env(timeout=10)
        try:
            client.images.get(IMAGE)
        finally:
            client.close()
    except ImageNotFound:
        return f"no image {IMAGE}: set SWE_SCALE_TEST_IMAGE"
    except (DockerException, RequestException, OSError):
        return "no Docker service answers"
    return ""


def without_bubblewrap() -> str:
    if shutil.which("bwrap") is None:
        return "bubblewrap isn't installed"
    tried = subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True)
    return "" if tried.returncode == 0 else "no user namespaces here"


BACKENDS = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("local"),
]


def write_tree(folder: Path) -> Path:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "linked":
            path.symlink_to("pkg/deep")
        else:
            path.write_text(text, encoding="utf-8")
    (folder / "tool.sh").chmod(0o755)
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    return folder


def remove_image(environment: Environment) -> None:
    if environment.image:
        client = docker.from_env()
        client.images.remove(environment.image, force=True)
        client.close()
