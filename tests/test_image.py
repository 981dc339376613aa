"""The container image is built from what is published, and solves with the service that it is given."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from packages_kit import ROOT, VERSION, built
from sandbox_kit import IMAGE, without_docker
from service_kit import remove_images

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
SOCKET = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
USER = 10001
SETTINGS = f'[sandbox]\nkind = "docker"\nbase_image = "{IMAGE}"\n'
TABLE = """[environment]
language = "python"
setup = []
test = "python3 -m unittest {tests}"
"""
CASE = """import unittest
class T(unittest.TestCase):
    def test_one(self): self.assertEqual(1, 1)
"""
PROJECT = {"swe-scale.toml": TABLE, "test_it.py": CASE}


def docker(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)


def context(folder: Path) -> Path:
    """Return what the image is made of, with all that it depends on: builds reach no index here."""
    code = "import sys; print(sys.version)"
    said = docker("run", "--rm", "--network", "none", IMAGE, "python3", "-c", code)
    version = ".".join(said.stdout.split(".")[:2])
    for name in ("Dockerfile", ".dockerignore", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    built("wheel", folder / "dist")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder / "dist"),
            *("--python-version", version, "--only-binary", ":all:"),
            *("--require-hashes", "--requirement", folder / "requirements.lock"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"what the package needs can't be had: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if reason := without_docker():
        pytest.skip(reason)
    name = f"swe-scale-test/own:{uuid.uuid4().hex}"
    given = (f"BASE={IMAGE}", "PACKAGES=", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/dist")
    arguments = [word for one in given for word in ("--build-arg", one)]
    folder = context(tmp_path_factory.mktemp("context"))
    try:
        # The first stage by a name of its own, so that nothing is left of it.
        for stage in (("--target", "build", "--tag", f"{name}-build"), ("--tag", name)):
            done = docker("build", "--network", "none", *stage, *arguments, folder)
            assert done.returncode == 0, done.stdout + done.stderr
        yield name
    finally:
        remove_images(name, f"{name}-build")


def alone(image: str, *command: str, program: str = "swe-scale") -> str:
    done = docker("run", "--rm", "--network", "none", "--entrypoint", program, image, *command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_runs_as_an_ordinary_user(image: str) -> None:
    assert alone(image, "--version") == f"swe-scale {VERSION}\n"
    assert alone(image, "-u", program="id") == f"{USER}\n"
    assert "Usage: swe-scale" in docker("run", "--rm", "--network", "none", image).stdout


def test_it_holds_no_installer_and_nothing_of_the_checkout(image: str) -> None:
    code = "import importlib.util as u; print(*filter(u.find_spec, ('pip', 'setuptools', 'pytest', 'rich')))"
    assert alone(image, "-c", code, program="/opt/swe-scale/bin/python") == "rich\n"
    assert alone(image, "-A", "/work", program="ls") == ""
    assert alone(image, "/", "-maxdepth", "1", "-name", "dist", program="find") == ""


def made(folder: Path) -> Path:
    """Return a repository with a test, its settings beside it, and a folder for what is kept."""
    project = folder / "project"
    for place in (project, folder / "kept"):
        place.mkdir()
    (folder / "config.toml").write_text(SETTINGS)
    for name, text in PROJECT.items():
        (project / name).write_text(text)
    git = ("git", "-C", project, "-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "All")):
        subprocess.run([*git, *command], check=True)
    return project


def test_it_works_with_the_service_it_is_given(image: str, tmp_path: Path) -> None:
    project = made(tmp_path)
    user = f"{USER}" if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"
    if os.getuid() == 0:
        subprocess.run(["chown", "--recursive", user, tmp_path], check=True)
    done = docker(
        *("run", "--rm", "--network", "none", "--user", user, "--group-add", str(SOCKET.stat().st_gid)),
        *("--volume", f"{SOCKET}:/var/run/docker.sock", "--volume", f"{tmp_path}:{tmp_path}"),
        *("--env", f"XDG_CACHE_HOME={tmp_path}/kept", "--env", f"TMPDIR={tmp_path}/kept"),
        *("--workdir", project, image, "environment", "build", "--config", tmp_path / "config.toml"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
