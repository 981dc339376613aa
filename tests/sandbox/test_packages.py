from pathlib import Path

import pytest

from swe_scale.sandbox.packages import host_packages


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PIP_CERT", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_settings_of_pip_are_shown_at_set_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("wheels", "index/simple", "index/files"):
        (home / folder).mkdir(parents=True)
    (home / "ca.pem").touch()
    (home / "pip.conf").write_text(
        "[global]\nindex-url = https://packages.example.org/simple\ntarget = /nowhere\n"
        f"find-links = {home}/wheels\n"
        f"[install]\nextra-index-url =\n  file://{home}/index/simple\n  file://{home}/absent\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(home / "pip.conf"))
    monkeypatch.setenv("PIP_CERT", str(home / "ca.pem"))
    found = host_packages(mounted=True)
    assert found.variables["PIP_INDEX_URL"] == "https://packages.example.org/simple"
    assert found.variables["PIP_EXTRA_INDEX_URL"] == f"file://{home}/index/simple file://{home}/absent"
    assert found.variables["PIP_FIND_LINKS"] == f"{home}/wheels"
    assert "PIP_TARGET" not in found.variables
    cert = found.variables["PIP_CERT"]
    assert not cert.startswith(str(home))
    wanted = {cert: f"{home}/ca.pem", f"{home}/wheels": f"{home}/wheels", f"{home}/index": f"{home}/index"}
    assert wanted.items() <= found.mounts.items()
    assert f"{home}/absent" not in found.mounts
    plain = host_packages(mounted=False)
    assert plain.variables["PIP_CERT"] == f"{home}/ca.pem"
    assert plain.mounts == {}


def test_no_other_variable_is_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("PIP_TARGET", "/nowhere")
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:8080")
    found = host_packages(mounted=True).variables
    assert "secret" not in found.values()
    assert "PIP_TARGET" not in found
    assert found["https_proxy"] == "http://proxy.example.org:8080"


def test_a_broken_file_is_left_to_pip(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "pip.conf").write_text("no section = here")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(home / "pip.conf"))
    assert host_packages(mounted=True).variables["PIP_NO_INPUT"] == "1"
