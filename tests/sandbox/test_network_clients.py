import json
from pathlib import Path

import pytest

from swe_scale.sandbox.network.allowed import Entry
from swe_scale.sandbox.network.clients import configured, entries_of
from swe_scale.sandbox.packages import host_packages, host_settings


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs are the only package clients."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path))
    for name in host_settings():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return tmp_path / "bin"


def program(folder: Path, name: str, answer: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{answer}\nEND\n")
    (folder / name).chmod(0o755)


def entry(host: str, port: int = 443) -> Entry:
    return Entry(host, (port,), inner=True)


def test_addresses_are_read_as_their_clients_write_them() -> None:
    found = entries_of(
        [
            "https://a.example.org/simple http://b.example.org:8080/x",
            "https://me:pw@c.example.org/ file:///srv/index /srv/wheels git@d.example.org:x/y direct",
            "https://e.example.org,https://f.example.org|direct",
            "own=https://g.example.org/?a=b sparse+https://h.example.org/index/ http://[::1]:9/",
            "https://2130706433/ http:// http://[/ ",
        ]
    )
    names = {"a": 443, "b": 8080, "c": 443, "e": 443, "f": 443, "g": 443, "h": 443}
    expected = [entry(f"{name}.example.org", port) for name, port in names.items()]
    assert list(found) == [*expected, entry("::1", 9)]


def test_every_client_is_asked(programs: Path) -> None:
    registries = {"registry": "https://npm.example.org/", "@own:registry": "https://own.example.org/", "a": 1}
    program(programs, "npm", json.dumps(registries))
    program(programs, "go", "https://me:pw@go.example.org,direct\nsum.example.org+033de0ae")
    program(programs, "apt-get", "http://apt.example.org/debian\nhttp://apt.example.org/security")
    (programs.parent / "config.toml").write_text(
        '[source.mirror]\nregistry = "sparse+https://cargo.example.org/"\n'
        '[registries.own]\nindex = "https://crates.example.org"\n[source.local]\ndirectory = "/srv"\n'
    )
    found = configured(
        {"PIP_INDEX_URL": "https://pip.example.org/simple", "UV_INDEX": "http://uv.example.org"}
    )
    names = {"npm", "own", "go", "sum", "cargo", "crates", "pip"}
    assert set(found.entries) == {
        *(entry(f"{name}.example.org") for name in names),
        entry("apt.example.org", 80),
        entry("uv.example.org", 80),
    }
    assert found.variables == {
        "NPM_CONFIG_REGISTRY": "https://npm.example.org/",
        "GOPROXY": "https://go.example.org,direct",
        "GOSUMDB": "sum.example.org+033de0ae",
    }


def test_clients_that_fail_or_talk_nonsense_name_nothing(programs: Path) -> None:
    program(programs, "npm", "[1")
    program(programs, "go", "")
    program(programs, "python3", "Traceback")
    (programs / "apt-get").write_text("#!/bin/sh\nexit 1\n")
    (programs / "apt-get").chmod(0o755)
    (programs.parent / "config.toml").write_text("source = 1\n[registries]\na = 2\n")
    assert configured({"PIP_NO_INDEX": "1"}).entries == ()


def test_pip_tells_its_own_index_unless_another_is_set() -> None:
    own = configured({}).entries
    assert len({found.host for found in own if found.ports == (443,)}) >= 2
    other = configured({"PIP_INDEX_URL": "https://pip.example.org/simple"}).entries
    assert entry("pip.example.org") in other and len(other) < len(own)


def test_proxies_are_kept_from_set_up_that_goes_through_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:pw@proxy.example.org:8080")
    monkeypatch.setenv("PIP_PROXY", "http://me:pw@proxy.example.org:8080")
    found = host_packages(mounted=False, direct=False)
    assert not {"https_proxy", "PIP_PROXY"} & found.variables.keys() and not found.withheld
    assert host_settings()["PIP_PROXY"] == "http://me:pw@proxy.example.org:8080"
