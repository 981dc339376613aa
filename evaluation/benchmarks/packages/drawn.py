"""Draws packages with tests from the dependency closures of well-known projects; see `environments`."""

import html
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from swe_scale.profiles import find_tests

PYTHON_ROOTS = ("flask", "sphinx", "httpx")
NPM_ROOTS = ("express", "eslint")
SEED = 5


@dataclass(frozen=True)
class Package:
    """A package of a registry in one version."""

    registry: str
    name: str
    version: str

    @property
    def folder(self) -> str:
        """Name of its repository's folder."""
        return f"{self.registry}-{re.sub(r'[^A-Za-z0-9.-]', '_', self.name)}-{self.version}"


def carried_out(
    *command: str, cwd: Path | None = None, seconds: float = 900.0
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False)


def python_closure() -> list[Package]:
    """Return what pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ("--dry-run", "--ignore-installed", "--quiet", "--report", str(report))
        done = carried_out(sys.executable, "-m", "pip", "install", *options, *PYTHON_ROOTS)
        if done.returncode:
            sys.exit(f"pip can't resolve {', '.join(PYTHON_ROOTS)}:\n{done.stderr}")
        found = json.loads(report.read_text())["install"]
    named = {one["metadata"]["name"].lower(): one["metadata"]["version"] for one in found}
    return [Package("python", name, version) for name, version in sorted(named.items())]


def npm_closure() -> list[Package]:
    """Return what npm would install."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "package.json").write_text('{"name": "drawn", "version": "1.0.0"}')
        options = ("--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund")
        done = carried_out("npm", "install", *options, *NPM_ROOTS, cwd=place)
        if done.returncode:
            sys.exit(f"npm can't resolve {', '.join(NPM_ROOTS)}:\n{done.stderr}")
        lock = json.loads((place / "package-lock.json").read_text())["packages"]
    found = {(path.rpartition("node_modules/")[2], one["version"]) for path, one in lock.items() if path}
    return [Package("npm", name, version) for name, version in sorted(found)]


def index() -> str:
    """Return the address of the configured Python index."""
    named = (
        os.environ.get("PIP_INDEX_URL")
        or carried_out(sys.executable, "-m", "pip", "config", "get", "global.index-url").stdout
    )
    return named.strip().rstrip("/") or "https://pypi.org/simple"


def fetch_python(package: Package, folder: Path) -> Path | None:
    """Return a source distribution; None where there is none."""
    address = f"{index()}/{package.name}/"
    with urllib.request.urlopen(address, timeout=60) as answer:
        page = answer.read().decode("utf-8", "replace")
    wanted = re.sub(r"[-_.]+", "-", f"{package.name}-{package.version}").lower()
    for link in re.findall(r"""href=["']([^"']+)["']""", page):
        file = urljoin(address, html.unescape(link).partition("#")[0])
        name = urllib.parse.unquote(file.rpartition("/")[2])
        stem = re.sub(r"\.(tar\.gz|zip)$", "", name)
        if stem != name and re.sub(r"[-_.]+", "-", stem).lower() == wanted:
            place = folder / name
            with urllib.request.urlopen(file, timeout=300) as source, place.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            return place
    return None


def fetch_npm(package: Package, folder: Path) -> Path | None:
    """Return a package's archive; None where it can't be had."""
    done = carried_out("npm", "pack", "--silent", f"{package.name}@{package.version}", cwd=folder)
    return folder / done.stdout.split()[-1] if done.returncode == 0 and done.stdout.split() else None


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack an archive and return the one folder that it holds."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    else:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    return next(one for one in folder.iterdir() if one.is_dir())


def has_tests(package: Package, tree: Path) -> bool:
    """Return whether an unpacked package holds test files, and of npm a script that runs them."""
    paths = [str(one.relative_to(tree)) for one in tree.rglob("*") if one.is_file()]
    if not find_tests(paths):
        return False
    if package.registry == "python":
        return any(path.endswith(".py") for path in find_tests(paths))
    told = json.loads((tree / "package.json").read_text(encoding="utf-8"))
    script = str((told.get("scripts") or {}).get("test") or "")
    return bool(script) and "no test specified" not in script


def draw(closure: list[Package], count: int, repositories: Path) -> tuple[list[Package], int]:
    """Return the first packages of a shuffled closure that have tests, and how many were passed over."""
    random.Random(SEED).shuffle(closure)
    drawn: list[Package] = []
    passed_over = 0
    for package in closure:
        if len(drawn) == count:
            break
        target = repositories / package.folder
        if not target.exists():
            with tempfile.TemporaryDirectory() as scratch:
                fetched, unpacked = Path(scratch) / "fetched", Path(scratch) / "unpacked"
                fetched.mkdir()
                unpacked.mkdir()
                get = fetch_python if package.registry == "python" else fetch_npm
                archive = get(package, fetched)
                tree = unpack(archive, unpacked) if archive else None
                if tree is None or not has_tests(package, tree):
                    passed_over += 1
                    continue
                shutil.copytree(tree, target, symlinks=True)
            commit(target)
        drawn.append(package)
    return drawn, passed_over


def commit(folder: Path) -> None:
    """Make a repository of one commit of a folder."""
    for name in (".git", ".gitignore"):
        place = folder / name
        if place.is_dir():
            shutil.rmtree(place)
        elif place.exists():
            place.unlink()
    identity = ("-c", "user.name=drawn", "-c", "user.email=drawn@example.org")
    done = (*identity, "commit", "-q", "-m", "as released")
    for arguments in (("init", "-q", "."), ("add", "-A", "-f"), done):
        subprocess.run(("git", *arguments), cwd=folder, check=True, capture_output=True)
