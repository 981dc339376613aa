"""Builds the package as an installer would, and installs it far from the checkout."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import Any
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION: str = PROJECT["project"]["version"]
NAME = f"swe_scale-{VERSION}"
BUILD = "import hatchling.build as build; print(build.build_{kind}({folder!r}))"


def files_of(folder: Path) -> set[str]:
    """Return the files below a folder, without bytecode."""
    return {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def built(kind: str, folder: Path, source: Path = ROOT) -> Path:
    """Return a `wheel`, an `editable` wheel or an `sdist` of a source tree, made in `folder`."""
    code = BUILD.format(kind=kind, folder=str(folder))
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=True
    )
    return folder / shown.stdout.strip().splitlines()[-1]


class Installed:
    """A fresh environment with one wheel; what that depends on is taken from the one that runs the tests."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, symlinks=True, with_pip=False)
        self.python = folder / "bin" / "python"
        self.site = next((folder / "lib").glob("python*/site-packages"))
        with ZipFile(wheel) as archive:
            archive.extractall(self.site)
        # Paths that are added this way are searched last, and their own .pth files aren't read.
        (self.site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def says(self, code: str) -> list[str]:
        """Return the lines that a program prints, run far from the checkout."""
        shown = subprocess.run(
            [self.python, "-c", code],
            cwd=self.site,
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            check=True,
        )
        return shown.stdout.splitlines()
