"""What the wheel holds, and that a wheel and an editable install both find what ships beside the code."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"prompts": ROOT / "prompts", "sandboxes": ROOT / "sandboxes", "demo": ROOT / "evaluation" / "demo"}
BUILD = "import hatchling.build as build; print(build.build_{kind}({folder!r}))"


def files_of(folder: Path) -> set[str]:
    return {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def built(kind: str, folder: Path) -> Path:
    """Return a wheel of the checkout, built the way an installer would."""
    code = BUILD.format(kind=kind, folder=str(folder))
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return folder / shown.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def editable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("editable", tmp_path_factory.mktemp("editable"))


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


ASSETS = f"from swe_scale import assets; print(*map(assets.folder, {tuple(FOLDERS)!r}), sep='\\n')"


def test_wheel_holds_the_package_and_its_assets(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
    shipped = {
        f"swe_scale/_assets/{name}/{file}" for name, path in FOLDERS.items() for file in files_of(path)
    }
    assert shipped <= held
    code = {f"swe_scale/{file}" for file in files_of(ROOT / "swe_scale") if not file.endswith(".pyc")}
    assert held - shipped - code == {
        f"swe_scale-0.1.0.dist-info/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    assert code <= held


def test_wheel_install_finds_its_own_assets(wheel: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path / "a venv", wheel)
    places = [Path(line) for line in installed.says(ASSETS)]
    assert places == [installed.site / "swe_scale" / "_assets" / name for name in FOLDERS]
    assert [files_of(place) for place in places] == [files_of(path) for path in FOLDERS.values()]


def test_editable_install_finds_the_checkout(editable: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path / "a venv", editable)
    assert [Path(line) for line in installed.says(ASSETS)] == list(FOLDERS.values())
    assert not (installed.site / "swe_scale").exists()


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_nothing_else_becomes_importable(kind: str, wheel: Path, editable: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path / "a venv", wheel if kind == "wheel" else editable)
    own = {"swe_scale", "__pycache__"}
    beside = sorted({path.stem for path in ROOT.iterdir() if not path.name.startswith(".")} - own)
    code = f"from importlib.util import find_spec; print(*[name for name in {beside!r} if find_spec(name)])"
    assert installed.says(code) == [""]
    assert installed.says("import swe_scale; print(swe_scale.__version__)") == ["0.1.0"]


def test_command_is_declared(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        entry = archive.read("swe_scale-0.1.0.dist-info/entry_points.txt").decode()
    assert "swe-scale = swe_scale.cli:main" in entry


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-dev.lock", "tests/real_vllm/requirements.lock"]
)
def test_locks_are_hashed_and_name_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins and all("==" in pin and pin.endswith("\\") for pin in pins)


def pinned(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (ROOT / lock).read_text().splitlines():
        if "==" in line:
            name, _, rest = line.partition("==")
            found.setdefault(name, set()).add(rest.split()[0])
    return found


def test_locks_cover_what_is_declared_and_agree() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {
        "requirements.lock": declared["project"]["dependencies"],
        "requirements-dev.lock": declared["project"]["dependencies"] + declared["dependency-groups"]["dev"],
    }
    for lock, requirements in names.items():
        assert {requirement.split(">=")[0] for requirement in requirements} <= pinned(lock).keys()
    assert pinned("requirements.lock").items() <= pinned("requirements-dev.lock").items()


@pytest.mark.parametrize(
    "script", ["scripts/demo", "scripts/test", "scripts/lint", "scripts/bench", "scripts/vllm", ".ci/run"]
)
def test_scripts_can_be_started(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    bash = shutil.which("bash")
    assert bash
    subprocess.run([bash, "-n", ROOT / script], check=True)
