"""Wheel and sdist are whole: each Python installs and runs them, and the sdist makes the same wheel."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest
from packages_kit import NAME, PROJECT, ROOT, VERSION, built
from sandbox_kit import without_bubblewrap

MINORS = ("3.11", "3.12", "3.13")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("sdist", tmp_path_factory.mktemp("sdist"))


def kept_by_git() -> set[str]:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    shown = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in shown.stdout.split("\0") if name and (ROOT / name).exists()}


def members(wheel: Path) -> dict[str, tuple[int, bytes]]:
    """Return the content of each file of an archive, with its mode."""

    def mode(one: ZipInfo) -> int:
        return one.external_attr >> 16

    with ZipFile(wheel) as archive:
        return {one.filename: (mode(one), archive.read(one)) for one in archive.infolist()}


def test_the_sdist_holds_what_git_keeps(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        files = {one.name for one in archive.getmembers() if one.isfile()}
    assert files == {f"{NAME}/{name}" for name in kept_by_git() | {"PKG-INFO"}}


def test_the_wheel_of_the_sdist_is_that_of_the_checkout(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    again = built("wheel", tmp_path, source=tmp_path / NAME)
    assert members(again) == members(wheel)


def test_what_is_declared_agrees() -> None:
    classified = {line.rpartition(" :: ")[2] for line in PROJECT["project"]["classifiers"]}
    assert set(MINORS) <= classified
    assert PROJECT["project"]["requires-python"] == f">={MINORS[0]}"


def is_python(path: Path, minor: str) -> bool:
    """Whether it starts and is of that version; a version manager's stand-in may not."""
    code = f"import sys, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != {minor!r})"
    return subprocess.run([path, "-c", code], capture_output=True, check=False).returncode == 0


@cache
def pythons() -> dict[str, Path]:
    """Return the Pythons to try by their version: the one that runs this, and the others that are there."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    own = "{}.{}".format(*sys.version_info)
    found = {own: Path(sys.executable)}
    for minor in MINORS:
        named = [Path(path) for path in (shutil.which(f"python{minor}"),) if path]
        for place in (*named, *sorted(kept.glob(f"{minor}.*/bin/python"))):
            if minor not in found and is_python(place, minor):
                found[minor] = place
    return found


class Place:
    """An environment of one Python with what the package depends on, as locked, and what builds it."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.bin = folder / "bin"
        self.home = folder.with_name("home")
        self.home.mkdir()
        subprocess.run([python, "-m", "venv", folder], check=True)
        locks = [f"--requirement={ROOT / name}" for name in ("requirements.lock", "requirements-build.lock")]
        if reason := self.pip("--require-hashes", *locks):
            pytest.skip(f"what the package needs can't be had for {python}: {reason}")

    def pip(self, *arguments: str | Path) -> str:
        """Install; return the last line of what went wrong."""
        pip = (self.bin / "python", "-m", "pip", "install", "--quiet", "--no-input", "--no-compile")
        done = subprocess.run([*pip, *arguments], cwd=self.home, capture_output=True, text=True, check=False)
        return done.stderr.strip().splitlines()[-1] if done.returncode else ""

    def install(self, distribution: Path) -> None:
        """Install a distribution in place of the one before."""
        own = ("--no-deps", "--no-build-isolation", "--no-index", "--force-reinstall")
        assert self.pip(*own, distribution) == ""

    def says(self, *arguments: str) -> str:
        """Return what the command prints, run far from the checkout, in nobody's environment."""
        done = subprocess.run(
            [self.bin / "swe-scale", *arguments],
            cwd=self.home,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.mark.timeout(600)
@pytest.mark.bubblewrap
@pytest.mark.parametrize("python", pythons().values(), ids=pythons())
def test_both_install_and_run(python: Path, wheel: Path, sdist: Path, tmp_path: Path) -> None:
    if reason := without_bubblewrap():
        pytest.skip(reason)
    place = Place(python, tmp_path / "a venv")
    for distribution in (wheel, sdist):
        place.install(distribution)
        assert place.says("--version") == f"swe-scale {VERSION}\n"
        assert "Usage: swe-scale" in place.says("--help")
    assert json.loads(place.says("demo", "--json"))["outcome"] == "proposed"
