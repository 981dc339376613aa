"""Makes local images of the runnable development rows, laid out as the scripts of SWE-bench expect them.

`python evaluation/experiments/testbed_images.py --data DATA --repos REPOS --out FOLDER` also writes the rows
that name these images to FOLDER/rows.jsonl, which both our grading and the official harness read. What rows
share (interpreter, packages) is one layer, made once. Packages come from the index that pip is set up for.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed_rows import Row, repository_of, runnable_rows

RECIPES = Path(__file__).parent / "testbed"
BESIDE = {"sphinx-doc/sphinx": ("tox==4.16.0", "tox-current-env==0.0.11")}
"""What the scripts of a repository need beyond the row's requirements; with its own dependencies."""
LEFT_OUT = ("/site-packages", "/test")
"""Folders of an interpreter's library that no environment made of it needs."""
AUTHOR = ("-c", "user.name=SWE-bench", "-c", "user.email=setup@swebench.config")


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are that images are made of."""

    repos: Path
    pythons: Path
    """Folder of interpreters by their whole version, as pyenv keeps them."""
    base: str
    """Name of a Debian image with git."""

    def python(self, version: str) -> Path:
        """Return the folder of the newest interpreter of a version."""
        found = sorted(self.pythons.glob(f"{version}.*"), key=lambda one: int(one.name.split(".")[2]))
        if not found:
            raise SystemExit(f"no Python {version} in {self.pythons}")
        return found[-1]


def run(*command: str, at: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Return what a command prints; the program ends where it fails."""
    done = subprocess.run(
        command, cwd=at, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:6])} … ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def there(image: str) -> bool:
    """Return whether an image is there."""
    return bool(run("docker", "images", "-q", image).strip())


@contextmanager
def context(*names: str) -> Iterator[Path]:
    """Yield a new folder with files of the recipes in it."""
    with tempfile.TemporaryDirectory(prefix="testbed-") as place:
        for name in names:
            shutil.copy(RECIPES / name, place)
        yield Path(place)


def build(folder: Path, recipe: str, image: str, **arguments: str) -> str:
    """Build an image of a folder and return its name."""
    given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    run("docker", "build", "-q", "-t", image, "-f", str(RECIPES / recipe), *given, str(folder))
    print(f"made {image}", file=sys.stderr, flush=True)
    return image


def base_image(places: Places) -> str:
    """Return the name of the image with what every row's script uses."""
    image = "swe-scale-data/base:testbed"
    if there(image):
        return image
    with context("activate") as folder:
        return build(folder, "base.Dockerfile", image, FROM=places.base)


def python_image(places: Places, python: Path) -> str:
    """Return the name of the image with an interpreter, at the place where it is here."""
    image = f"swe-scale-data/python:{python.name}"
    if there(image):
        return image
    with context() as folder:
        with tarfile.open(folder / "python.tar", "w") as tar:
            add_python(tar, python)
        return build(folder, "python.Dockerfile", image, FROM=base_image(places), AT=f"{python.parent}/")


def add_python(tar: tarfile.TarFile, python: Path) -> None:
    """Add an interpreter's folder to an archive, without packages of its own and what only tests it."""
    tar.add(python, arcname=python.name, filter=_needed)


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = entry.name.split("/")
    library = len(parts) == 4 and parts[1] == "lib" and f"/{parts[3]}" in LEFT_OUT
    return None if library or entry.name.endswith(".a") or parts[-1] == "__pycache__" else entry


def environment_image(places: Places, row: Row) -> str:
    """Return the name of the image with a row's packages; rows with the same ones share it."""
    python, beside = places.python(row["python"]), BESIDE.get(row["repo"], ())
    known = json.dumps([python.name, row["requirements"], beside])
    image = f"swe-scale-data/environment:{hashlib.sha256(known.encode()).hexdigest()[:12]}"
    if there(image):
        return image
    with context("pip.conf") as folder:
        get_wheels(python, row["requirements"], beside, folder)
        parts = {"FROM": python_image(places, python), "PYTHON": f"{python}/bin/python3"}
        return build(folder, "environment.Dockerfile", image, **parts, WHOLE="yes" if beside else "")


def get_wheels(python: Path, requirements: Sequence[str], beside: Sequence[str], folder: Path) -> None:
    """Get or make a wheel of each pinned package, in a folder's `wheels`."""
    run(str(python / "bin" / "python3"), "-m", "venv", str(folder / "own"))
    pip = (str(folder / "own" / "bin" / "python"), "-m", "pip")
    (own,) = (one for one in requirements if one.startswith("pip=="))
    run(*pip, "install", "-q", own)
    pinned = folder / "pinned.txt"
    pinned.write_text("\n".join(requirements), encoding="utf-8")
    wheel = (*pip, "wheel", "-q", "-w", str(folder / "wheels"))
    run(*wheel, "--no-deps", "-r", str(pinned))
    if beside:
        run(*wheel, "-c", str(pinned), *beside)
    shutil.rmtree(folder / "own")


def row_image(places: Places, row: Row) -> str:
    """Make the image of a row and return its name."""
    with context() as folder:
        get_tree(repository_of(places.repos, row["repo"]), row, folder / "testbed")
        prepare = row["prepare_cmd"] or ":"
        return build(
            folder, "row.Dockerfile", row["image"], FROM=environment_image(places, row), PREPARE=prepare
        )


def get_tree(repository: Path, row: Row, folder: Path) -> None:
    """Put the row's base commit, and nothing that came before or after it, into a new repository."""
    git = ("git", "-C", str(folder))
    folder.mkdir()
    run(*git, "init", "-q", "-b", "main")
    any_commit = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant",
        "GIT_CONFIG_VALUE_0": "true",
    }
    address = f"file://{repository.resolve()}"
    run(*git, "fetch", "-q", "--no-tags", "--depth", "1", address, row["base_commit"], env=any_commit)
    run(*git, "reset", "-q", "--hard", row["base_commit"])
    (folder / ".git" / "FETCH_HEAD").unlink()
    if row["repo"] in BESIDE:
        # What the dataset's own images change: without it, tox has no line per test for the log parser.
        run("sed", "-i", "s/pytest/pytest -rA/", "tox.ini", at=folder)
    run(*git, *AUTHOR, "commit", "-q", "--allow-empty", "-a", "-m", "SWE-bench")


def remove() -> None:
    """Remove every image that this program made, those of rows first."""
    listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    ours = [one for one in listed if one.startswith("swe-scale-data/")]
    for image in sorted(ours, key=lambda one: not one.endswith(":testbed")):
        run("docker", "rmi", "-f", image)


def main() -> None:
    """Make the images, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder with questions and answers")
    parser.add_argument("--repos", type=Path, required=True, help="folder with OWNER+NAME/repo")
    parser.add_argument("--out", type=Path, required=True, help="folder that rows.jsonl is written to")
    parser.add_argument("--pythons", type=Path, default=Path.home() / ".pyenv" / "versions")
    parser.add_argument("--base", default="swe-scale-test/debian:bookworm", help="Debian image with git")
    parser.add_argument("--only", default="", help="take only rows whose id holds this")
    parser.add_argument("--again", action="store_true", help="make the rows' images anew")
    parser.add_argument("--remove", action="store_true", help="remove all images made by this program")
    given = parser.parse_args()
    if given.remove:
        remove()
        return
    rows = runnable_rows(given.data)
    given.out.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (given.out / "rows.jsonl").write_text(text, encoding="utf-8")
    places = Places(given.repos, given.pythons, given.base)
    for row in rows:
        if given.only in row["instance_id"] and (given.again or not there(row["image"])):
            row_image(places, row)


if __name__ == "__main__":
    main()
