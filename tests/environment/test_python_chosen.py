"""Which Python an environment gets: the one that is there where the project allows it."""

import sys
from pathlib import Path

import pytest

from swe_scale.environment.python_chosen import python_for

OWN = f"3.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("allowed", "basis", "wanted"),
    [
        ((), "python:3.12", ""),
        (("3.14", "3.12"), "python:3.12", ""),
        (("3.14", "3.12"), "registry.example.org:5000/python:3.12.4-slim-bookworm", ""),
        (("3.14", "3.12"), "python:3.11", "3.14"),
        (("3.14", "3.12"), "python:3.1", "3.14"),
        (("3.12", "3.11"), "debian:bookworm", ""),
        (("3.12",), "cpython:3.12", "3.12"),
    ],
)
def test_a_container_has_what_its_name_says(allowed: tuple[str, ...], basis: str, wanted: str) -> None:
    assert python_for(allowed, "docker", basis) == wanted


@pytest.mark.parametrize("sandbox", ["bubblewrap", "local"])
def test_on_this_host_what_is_there_comes_before_what_is_not(
    sandbox: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    assert python_for((), sandbox, "") == python_for(("3.99", OWN), sandbox, "") == ""
    assert python_for(("3.99",), sandbox, "") == "3.99"
    other = tmp_path / "python3.98"
    other.write_text("#!/bin/sh\nprintf '%s\\n' /other /prefix 'CPython 3.98.1'\n")
    other.chmod(0o755)
    assert python_for(("3.99", "3.98"), sandbox, "") == "3.98"
    assert python_for(("3.99", "3.98"), sandbox, str(other)) == ""
    assert python_for(("3.99", "3.97"), sandbox, str(tmp_path / "absent")) == "3.99"
