"""The ways of running code apart that tests are asked of."""

import os
import shutil
import subprocess
import time

import docker
import pytest
from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from swe_scale.config import Bubblewrap, Docker, Local, SandboxConfig

IMAGE = os.environ.get("SWE_SCALE_TEST_IMAGE", "swe-scale-test/debian:bookworm")
_TRIES = 3
"""While another test uses up all processes, none can be started here either."""

ISOLATING = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("docker-strict", marks=pytest.mark.docker),
    pytest.param("docker-plain", marks=pytest.mark.docker),
    pytest.param("docker-exec", marks=pytest.mark.docker),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("bubblewrap-copies", marks=pytest.mark.bubblewrap),
]
"""Backends, and the ways that they go where the kernel or a compiler is missing."""
BACKENDS = [*ISOLATING, pytest.param("local")]


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
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        return "no C compiler for what runs in it"
    for _ in range(_TRIES):
        tried = subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True)
        if tried.returncode == 0:
            return ""
        time.sleep(1)
    return "no user namespaces here"


def configured(kind: str) -> SandboxConfig:
    """Return a sandbox of this machine; the test is skipped where it doesn't work here."""
    if kind == "local":
        return Local()
    if reason := without_docker() if kind == "docker" else without_bubblewrap():
        pytest.skip(reason)
    return Docker(base_image=IMAGE) if kind == "docker" else Bubblewrap()
