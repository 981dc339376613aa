"""What is hidden for `--here` of the folders that are shown, and left out of a checkout's copy."""

import os
import socket
from pathlib import Path

import pytest

from swe_scale.sandbox import Here
from swe_scale.sandbox.in_place import Products, shown
from swe_scale.sandbox.in_place.contents import is_private
from swe_scale.sandbox.in_place.secrets import is_secret

KEY = "-----BEGIN {}PRIVATE KEY{}-----\nMIIB\n"
EC = "-----BEGIN EC PARAMETERS-----\nBg\n-----END EC PARAMETERS-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMII\n"


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def hidden(folder: Path, root: Path) -> set[str]:
    """What of a folder that is shown isn't seen."""
    places = shown(root, Here(checkout="/checkout", shown=(str(folder), "/nonexistent")))
    assert places[str(folder)] == folder
    below = {name: path for name, path in places.items() if name.startswith(f"{folder}/")}
    assert all(path.is_relative_to(root) for path in below.values())
    return {str(Path(name).relative_to(folder)) for name in below}


def test_of_what_is_shown_the_secrets_of_now_are_covered(tmp_path: Path) -> None:
    folder, root = written(tmp_path / ".cargo", {"bin/cargo": ""}), tmp_path / "root"
    assert hidden(folder, root) == set()
    (folder / "credentials.toml").touch()
    (folder / ".aws").mkdir()
    assert hidden(folder, root) == {"credentials.toml", ".aws"}


def test_among_what_was_unpacked_exact_names_are_hidden_and_fixtures_are_not(tmp_path: Path) -> None:
    exact = (".netrc", ".npmrc", ".pypirc", "credentials", "id_rsa", ".env", ".git-credentials")
    places = ("share", "include", "lib/gems", "registry/src", "lib/python3.11/site-packages")
    secret = {f"{place}/deep/{name}": "" for place in places for name in exact}
    fixtures = {f"{place}/{name}": KEY.format("", "") for place in places for name in ("a.pem", "b.key")}
    plain = {f"{place}/tests/hosts.yml": "" for place in places}
    folder = written(tmp_path / "tools", {**secret, **fixtures, **plain})
    (folder / "share/.aws").mkdir()
    assert hidden(folder, tmp_path / "root") == {*secret, "share/.aws"}


def test_settings_of_toolchains_are_hidden_when_there_are_passwords_in_them(tmp_path: Path) -> None:
    secret = {
        "config": "[registries.ours]\ntoken = 'x'\n",
        "src/one/.git/config": '[remote "origin"]\n\turl = https://user:x@example.org/one\n',
        "git/db/one/FETCH_HEAD": "0123\tbranch 'main' of https://x@example.org/one\n",
        "maven/conf/settings.xml": "<server><!-- ours --><password>x</password></server>",
        "etc/npmrc": "//example.org/:_authToken=x\n",
        "conda-meta/state": '{"env_vars": {"DATABASE_PASSWORD": "x"}}',
        "etc/conda/activate.d/env_vars.sh": "export TOKEN=x\n",
        "key/server.pem": CERTIFICATE + KEY.format("", ""),
    }
    plain = {
        "config.toml": "[registry]\nglobal-credential-providers = ['cargo:token']\n",
        "src/two/.git/config": '[remote "origin"]\n\turl = ssh://git@example.org/two\n',
        "maven/2/settings.xml": "<servers><!-- <password>x</password> --></servers>",
        "ssl/cert.pem": CERTIFICATE,
        "go.env": "GOPROXY=https://proxy.golang.org,direct\n",
    }
    assert hidden(written(tmp_path / "tools", {**secret, **plain}), tmp_path / "root") == secret.keys()


def test_sockets_of_this_host_and_where_links_lead_are_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path / "tools", {"npm/ours": "", "sa.json": "{}", "plain.json": "{}"})
    (folder / ".npmrc").symlink_to("npm/ours")
    (folder / ".netrc").symlink_to("/nonexistent/netrc")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "sa.json"))
    monkeypatch.setenv("MONKEY_HOME", str(folder / "npm"))
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as service:
        service.bind("docker.sock")
    assert hidden(folder, tmp_path / "root") == {"npm/ours", "sa.json", "pipe", "docker.sock"}


def test_keys_and_passwords_of_a_checkout_are_left_out_of_its_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {
        "build/deploy": KEY.format("OPENSSH ", ""),
        "build/signing.asc": KEY.format("PGP ", " BLOCK"),
        "build/ec.txt": EC + KEY.format("EC ", ""),
        "build/account.json": '{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----"}',
        "gha-creds-0123.json": "{}",
        "certificate.pem": CERTIFICATE,
        ".bundle/config": 'BUNDLE_PATH: "vendor"\nBUNDLE_GEMS__EXAMPLE__ORG: "user:x"\n',
        "named": "token",
        "node_modules/tool/.npmrc": "//example.org/:_authToken=x\n",
    }
    plain = {
        "build/product.o": "built",
        "build/text": f"a test with {KEY.format('', '')}",
        "node_modules/tool/test/server.key": KEY.format("RSA ", ""),
        ".venv/lib/python3.11/site-packages/certifi/cacert.pem": CERTIFICATE,
        "vendor/one/config": "plain = yes\n",
    }
    tracked = {"tracked.pem": "public"}
    checkout, tree = written(tmp_path / "checkout", secret | plain | tracked), tmp_path / "tree"
    monkeypatch.setenv("JOB_TOKEN", str(checkout / "named"))
    assert set(Products(checkout).copy(written(tree, tracked))) == secret.keys()
    assert not any((tree / name).exists() for name in secret)
    assert all((tree / name).read_text() == text for name, text in plain.items())


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_private_keys_are_told_by_their_beginning(kind: str) -> None:
    assert is_private(b"\xef\xbb\xbf\n" + KEY.format(kind, "").encode())
    assert not is_private(f"-----BEGIN {kind}PUBLIC KEY-----\n".encode())
    assert not is_private(f"x = '{KEY.format(kind, '')}'".encode())


SECRET = (
    ".env", ".env.local", ".env.bak", ".envrc", "prod.env", "id_ed25519", "id_ed25519.pub", "server.key",
    "key.pem", "app.private-key.pem", "credentials", "terraform.tfstate", "terraform.tfstate.backup",
    "terraform.tfvars", "prod.tfvars.json", ".npmrc", ".npmrc.bak", "auth.json", ".yarnrc", ".htpasswd",
    "kubeconfig", "kubeconfig.yaml", ".vault_pass.txt", ".dev.vars", ".mysql_history", ".bash_history",
    ".gitconfig", "client_secret_1.json", "AuthKey_1.p8",
)  # fmt: skip
PLAIN = (
    ".env.example", "secrets.py", "cacert.pem", "environment.yml", "go.env", "terraform.tfvars.example",
    "env.py", "keys.py", "history.py", "environment", "monkeys.pem",
)  # fmt: skip


def test_secrets_are_told_by_their_names() -> None:
    assert [name for name in SECRET if not is_secret(name, folder=False)] == []
    assert [name for name in PLAIN if is_secret(name, folder=False)] == []
    assert is_secret(".ssh", folder=True)
    assert not is_secret("credentials", folder=True)
