"""What the wheel holds, and that a wheel and an editable install both find what ships beside the code."""

import os
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
from packages_kit import NAME, PROJECT, ROOT, VERSION, Installed, built, files_of

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock", "requirements-docs.lock")
FOLDERS = {"prompts": ROOT / "prompts", "sandboxes": ROOT / "sandboxes", "demo": ROOT / "evaluation" / "demo"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def editable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("editable", tmp_path_factory.mktemp("editable"))


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
        f"{NAME}.dist-info/{name}"
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
    assert installed.says("import swe_scale; print(swe_scale.__version__)") == [VERSION]


def test_command_is_declared(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        entry = archive.read(f"{NAME}.dist-info/entry_points.txt").decode()
    assert "swe-scale = swe_scale.cli:main" in entry


@pytest.mark.parametrize("lock", [*LOCKS, "tests/real_vllm/requirements.lock"])
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
    depends, groups = PROJECT["project"]["dependencies"], PROJECT["dependency-groups"]
    names = dict(zip(LOCKS, (depends, depends + groups["dev"], groups["build"], groups["docs"]), strict=True))
    for lock, requirements in names.items():
        assert {requirement.split(">=")[0] for requirement in requirements} <= pinned(lock).keys()
    assert pinned("requirements-build.lock").items() <= pinned("requirements-dev.lock").items()
    assert pinned("requirements.lock").items() <= pinned("requirements-dev.lock").items()


SCRIPTS = sorted(file.name for file in (ROOT / "scripts").iterdir() if file.is_file())


@pytest.mark.parametrize("script", [".ci/run", *(f"scripts/{name}" for name in SCRIPTS)])
def test_scripts_can_be_started(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    bash = shutil.which("bash")
    assert bash
    subprocess.run([bash, "-n", ROOT / script], check=True)
