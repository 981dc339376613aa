import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from swe_scale.config import Bubblewrap, Docker
from swe_scale.errors import UsageError
from swe_scale.sandbox.choice import choose_sandbox, why_not_bubblewrap, why_not_docker


@pytest.fixture
def no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds all programs there are."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.docker
def test_docker_comes_first() -> None:
    assert why_not_docker() is None
    assert choose_sandbox() == Docker()


@pytest.mark.bubblewrap
@pytest.mark.usefixtures("no_docker")
def test_bubblewrap_where_no_docker_answers() -> None:
    assert why_not_bubblewrap() is None
    assert choose_sandbox() == Bubblewrap()


@pytest.mark.usefixtures("no_docker", "programs")
def test_no_isolation_is_never_chosen() -> None:
    with pytest.raises(UsageError) as caught:
        choose_sandbox()
    text = str(caught.value)
    assert "Docker: its socket isn't there. bubblewrap: not installed." in text
    assert "apt-get install bubblewrap" in text and "--sandbox local" in text


@pytest.mark.usefixtures("no_docker")
def test_bubblewrap_that_is_there_but_may_not_is_not_chosen(programs: Path) -> None:
    program(programs, "bwrap", "echo 'bwrap: No permissions to create new namespace' >&2; exit 1")
    with pytest.raises(UsageError, match="No permissions to create new namespace"):
        choose_sandbox()


def test_a_trial_that_says_nothing_is_told_by_its_status(programs: Path) -> None:
    program(programs, "bwrap", "exit 7")
    assert why_not_bubblewrap() == "its trial ended with status 7"


def test_a_trial_that_hangs_is_given_up(programs: Path) -> None:
    program(programs, "bwrap", "exec /bin/sleep 60")
    assert why_not_bubblewrap(seconds=0.2) == "its trial didn't end within 0.2 s"


def test_a_service_that_hangs_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "hangs"))
        listener.listen()
        assert why_not_docker(f"unix://{tmp_path}/hangs", seconds=0.2) == "it didn't answer in time"


def test_a_socket_without_a_service(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "dead"))
    assert why_not_docker(f"unix://{tmp_path}/dead") == "nothing listens on its socket"


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """Return a path that may not be opened; root's rights are given up until the test is over."""
    (tmp_path / "closed").touch(mode=0)
    why_not_docker("unix:///nonexistent")  # Loads what another user may not be able to read.
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield tmp_path / "closed"
    if root:
        os.seteuid(0)


def test_a_socket_of_another_user(closed: Path) -> None:
    assert why_not_docker(f"unix://{closed}") == "its socket is closed to this user"


@pytest.mark.parametrize("address", ["nonsense", "ssh://nobody@localhost", "http://bad host:1"])
def test_an_impossible_address_is_no_crash(address: str) -> None:
    assert why_not_docker(address)
