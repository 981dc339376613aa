from pathlib import Path

import pytest

from swe_scale.events import Event, Events
from swe_scale.sandbox.packages import host_packages, report_withheld


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


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("PIP_INDEX_URL", "https://me:pw@packages.example.org/a", "https://packages.example.org/a"),
        ("PIP_INDEX_URL", "https://pw@packages.example.org:8/a", "https://packages.example.org:8/a"),
        ("PIP_INDEX_URL", "https://me:p@w@packages.example.org", "https://packages.example.org"),
        ("PIP_EXTRA_INDEX_URL", "https://a.example.org/x https://me:pw@b.example.org/", None),
        ("https_proxy", "me:pw@proxy.example.org:8080", "proxy.example.org:8080"),
        ("HTTP_PROXY", "http://me:pw@proxy.example.org:8080", "http://proxy.example.org:8080"),
        ("GOPROXY", "https://me:pw@go.example.org,https://pw@b.example.org|direct", None),
        ("UV_DEFAULT_INDEX", "own=https://me:pw@packages.example.org", "own=https://packages.example.org"),
    ],
)
@pytest.mark.usefixtures("home")
def test_passwords_are_left_out(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, shown: str | None
) -> None:
    monkeypatch.setenv(name, value)
    for mounted in (True, False):
        found = host_packages(mounted=mounted)
        assert "pw" not in found.variables[name] and "@" not in found.variables[name]
        assert shown is None or found.variables[name] == shown
        assert found.withheld == (name,)


@pytest.mark.usefixtures("home")
def test_what_holds_no_password_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = "https://a.example.org/x@y  https://b.example.org/?q=@z"
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", addresses)
    monkeypatch.setenv("PIP_FIND_LINKS", "/no/such@place")
    found = host_packages(mounted=False)
    assert found.variables["PIP_EXTRA_INDEX_URL"] == addresses
    assert found.variables["PIP_FIND_LINKS"] == "/no/such@place"
    assert found.withheld == ()


def test_files_with_passwords_are_not_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "pip.conf").write_text("[global]\nindex-url = https://me:pw@packages.example.org/simple\n")
    (home / "links.html").write_text('<a href="https://me:pw@files.example.org/a.whl">a</a>')
    (home / "plain.html").write_text('<a href="https://files.example.org/a.whl">me@example.org</a>')
    monkeypatch.setenv("PIP_CONFIG_FILE", str(home / "pip.conf"))
    monkeypatch.setenv("PIP_FIND_LINKS", f"{home}/links.html file://{home}/plain.html")
    found = host_packages(mounted=True)
    assert found.variables["PIP_INDEX_URL"] == "https://packages.example.org/simple"
    assert list(found.mounts.values()).count(f"{home}/plain.html") == 1
    assert not {f"{home}/links.html", f"{home}/pip.conf"} & set(found.mounts.values())
    assert "links.html" not in found.variables["PIP_FIND_LINKS"]
    assert found.withheld == ("PIP_FIND_LINKS", "PIP_INDEX_URL")


@pytest.mark.usefixtures("home")
def test_what_is_left_out_is_said_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    events, seen = Events(), list[Event]()
    events.listeners.append(seen.append)
    report_withheld(events, mounted=True)
    assert seen == []
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:pw@packages.example.org/a")
    report_withheld(events, mounted=True)
    [note] = seen
    assert "PIP_INDEX_URL" in note.text and "pw" not in note.text and "private index" in note.text
