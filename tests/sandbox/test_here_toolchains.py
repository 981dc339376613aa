"""What of a host is shown for `--here`: programs and what they need, never a home, never a secret."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from swe_scale.sandbox.in_place import Toolchains, find_toolchains


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Below /tmp nothing is shown, as the sandbox has its own; tests keep their folders there.
    monkeypatch.setattr("swe_scale.sandbox.in_place.private._NEVER", ())
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    return home


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def found(checkout: Path, *path: Path, **given: str) -> Toolchains:
    checkout.mkdir(exist_ok=True)
    return find_toolchains(checkout, {"PATH": ":".join(map(str, path)), **given})


def test_a_folder_of_programs_is_shown_with_what_lies_beside_it(home: Path, tmp_path: Path) -> None:
    node = program(home / ".nvm/versions/node/v20/bin/node")
    rust = program(home / ".cargo/bin/cargo")
    (home / ".rustup").mkdir()
    chains = found(tmp_path / "checkout", node.parent, rust.parent, Path("/usr/bin"))
    assert chains.shown == tuple(
        sorted(str(home / name) for name in (".nvm/versions/node/v20", ".cargo", ".rustup"))
    )
    assert chains.variables["PATH"] == f"{node.parent}:{rust.parent}:/usr/bin"
    assert chains.variables["CARGO_HOME"] == str(home / ".cargo")
    assert chains.variables["RUSTUP_HOME"] == str(home / ".rustup")


def test_a_home_is_never_shown_nor_what_may_hold_secrets(home: Path, tmp_path: Path) -> None:
    own = program(home / ".local/bin/own").parent
    program(home / "bin/mine")
    tool = program(home / ".local/share/tools/poetry/bin/poetry")
    (own / "poetry").symlink_to(tool)
    key = program(home / ".ssh/bin/key").parent
    settings = program(home / ".config/tool/bin/tool").parent
    chains = found(tmp_path / "checkout", home, own, home / "bin", key, settings, LD_LIBRARY_PATH=str(home))
    assert set(chains.shown) == {str(own), str(home / "bin"), str(home / ".local/share/tools/poetry")}
    assert chains.variables["PATH"] == f"{own}:{home}/bin"
    assert "LD_LIBRARY_PATH" not in chains.variables


def test_only_named_variables_are_passed_on(home: Path, tmp_path: Path) -> None:
    java = program(tmp_path / "jdk/bin/java").parent.parent
    given = {
        "JAVA_HOME": str(java), "LANG": "de_DE.UTF-8", "GITHUB_TOKEN": "x", "DATABASE_URL": "x", "HOME": "/x",
        "RUSTFLAGS": "-C debuginfo=0", "GOPATH": "/nonexistent", "PYTHONPATH": f"relative:{java}",
    }  # fmt: skip
    chains = found(tmp_path / "checkout", **given)
    assert dict(chains.variables) == {
        "JAVA_HOME": str(java), "LANG": "de_DE.UTF-8", "RUSTFLAGS": "-C debuginfo=0", "PATH": "",
        "PYTHONPATH": str(java),
    }  # fmt: skip
    assert chains.shown == (str(java),)


def test_a_checkout_s_own_environment_is_used_where_none_is_active(home: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    program(checkout / ".venv/bin/python")
    (checkout / ".venv/pyvenv.cfg").touch()
    chains = found(checkout, Path("/usr/bin"))
    assert chains.variables["VIRTUAL_ENV"] == str(checkout / ".venv")
    assert chains.variables["PATH"] == f"{checkout}/.venv/bin:/usr/bin"
    other = program(home / ".virtualenvs/other/bin/python").parent.parent
    active = found(checkout, other / "bin", VIRTUAL_ENV=str(other))
    assert active.variables["VIRTUAL_ENV"] == str(other)
    assert active.shown == (str(other),)


def test_a_repository_does_not_say_what_is_run_or_shown(home: Path, tmp_path: Path) -> None:
    """It may hold a virtual environment of its own making."""
    checkout, told = tmp_path / "checkout", tmp_path / "told"
    private = program(home / "private/bin/tool")
    for name in ("python", "python3"):
        program(checkout / ".venv/bin" / name).write_text(f"#!/bin/sh\ntouch {told}\n")
    (checkout / ".venv/pyvenv.cfg").touch()
    (checkout / ".venv/bin/tool").symlink_to(private)
    assert found(checkout).shown == ()
    (checkout / ".venv/bin/python").unlink()
    (checkout / ".venv/bin/python").symlink_to("/usr/bin/touch")
    assert found(checkout).shown == ()
    assert not told.exists()


def test_another_package_in_an_environment_elsewhere_is_another_state(home: Path, tmp_path: Path) -> None:
    venv = program(home / ".virtualenvs/one/bin/python").parent.parent
    site = venv / "lib/python3.11/site-packages"
    site.mkdir(parents=True)
    before = found(tmp_path / "checkout", venv / "bin", VIRTUAL_ENV=str(venv)).state
    assert found(tmp_path / "checkout", venv / "bin", VIRTUAL_ENV=str(venv)).state == before
    (site / "new-1.0.dist-info").mkdir()
    assert found(tmp_path / "checkout", venv / "bin", VIRTUAL_ENV=str(venv)).state != before


@pytest.mark.parametrize("way", ["link", "passwd", "sudo"])
def test_a_home_is_known_by_all_its_names(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    other, linked = tmp_path / "other", tmp_path / "linked"
    program(home / "bin/foo-1")
    (home / "bin/foo").symlink_to("foo-1")
    linked.symlink_to(home)
    monkeypatch.setenv("HOME", str(linked if way == "link" else other))
    owner = {"passwd": os.getuid(), "sudo": 4711}.get(way)
    monkeypatch.setattr(
        "pwd.getpwuid", lambda user: SimpleNamespace(pw_dir=str(home if user == owner else other))
    )
    given = {"SUDO_UID": "4711"} if way == "sudo" else {}
    search = (linked if way == "link" else home) / "bin"
    assert set(found(tmp_path / "checkout", search, **given).shown) == {str(search), str(home / "bin")}
    assert found(tmp_path / "checkout", search.parent, **given).shown == ()


def test_a_path_that_goes_up_to_a_home_does_not_show_it(home: Path, tmp_path: Path) -> None:
    program(home / "bin/mine")
    given = {"GOPATH": f"{home}/bin/..", "PYTHONPATH": f"{home}/bin/../"}
    assert found(tmp_path / "checkout", Path(f"{home}/bin/.."), **given).shown == ()


@pytest.mark.parametrize("name", ["RUNNER_TEMP", "XDG_DATA_HOME", "CI_PROJECT_DIR", "TMPDIR"])
def test_the_folders_of_a_job_are_not_shown(home: Path, tmp_path: Path, name: str) -> None:
    folder = program(tmp_path / "work/temporary/bin/tool").parent
    given = {name: str(folder.parent)}
    assert found(tmp_path / "checkout", folder, folder.parent, **given).shown == (str(folder),)


def test_a_folder_is_judged_by_where_its_links_lead(home: Path, tmp_path: Path) -> None:
    (home / "tools").symlink_to(program(home / ".ssh/bin/key").parent)
    assert found(tmp_path / "checkout", home / "tools").shown == ()


@pytest.mark.parametrize("active", [False, True])
def test_links_of_a_checkout_show_nothing_outside_it(home: Path, tmp_path: Path, *, active: bool) -> None:
    checkout, linked = tmp_path / "checkout", tmp_path / "linked"
    private = program(home / "private/bin/tool").parent.parent
    (private / "pyvenv.cfg").touch()
    checkout.mkdir()
    linked.symlink_to(checkout)
    (checkout / ".venv").symlink_to(private)
    (checkout / "tool").symlink_to(private / "bin/tool")
    (home / "bin").mkdir()
    (home / "bin/tool").symlink_to(checkout / "tool")
    given = {"VIRTUAL_ENV": str(linked / ".venv")} if active else {}
    chains = found(checkout, linked / ".venv/bin", home / "bin", **given, GOPATH=str(checkout / ".venv"))
    assert chains.shown == (str(home / "bin"),)
    assert "VIRTUAL_ENV" not in chains.variables


def test_links_in_circles_and_closed_folders_are_passed_over(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = program(home / "bin/own").parent
    (own / "round").symlink_to("round")
    (home / "round").symlink_to("round")
    search = (own, home / "round", home / "round/bin")
    assert found(tmp_path / "checkout", *search).shown == (str(own),)
    monkeypatch.setattr("os.access", lambda place, _: place != own)
    assert found(tmp_path / "checkout", own).shown == ()
