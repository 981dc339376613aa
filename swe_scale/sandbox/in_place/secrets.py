"""Tells by its name what is never shown to hostile code: keys, tokens, and folders that hold them."""

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_FOLDERS = {
    ".1password", ".ansible", ".aws", ".azure", ".bluemix", ".chef", ".claude", ".codex", ".config",
    ".continue", ".credentials", ".cursor", ".dbt", ".docker", ".doctl", ".electrum", ".fleet", ".fly",
    ".gcloud", ".gemini", ".gnupg", ".history", ".idea", ".ipython", ".jupyter", ".kaggle", ".kube",
    ".minikube", ".mozilla", ".netlify", ".oci", ".password-store", ".pki", ".railway", ".secrets",
    ".snowflake", ".snowsql", ".ssh", ".subversion", ".terraform.d", ".thunderbird", ".vagrant", ".vault",
    ".vercel", ".vscode", ".wrangler", "condarc.d",
}  # fmt: skip
_EXACT = {
    ".Xauthority", ".boto", ".condarc", ".credentials", ".databrickscfg", ".dockercfg", ".env", ".envrc",
    ".git-credentials", ".gitconfig", ".hgrc", ".htpasswd", ".mcp.json", ".my.cnf", ".netrc", ".npmrc",
    ".pgpass", ".pypirc", ".s3cfg", ".terraformrc", ".vault-token", ".yarnrc", ".yarnrc.yml", "_netrc",
    "application_default_credentials.json", "credentials", "credentials.json", "credentials.toml",
    "gh_token", "npmrc", "pip.conf", "pip.ini", "settings-security.xml",
}  # fmt: skip
"""Hold secrets even among what a package manager unpacked."""
_FILES = _EXACT | {
    "access_tokens.db", "auth.json", "condarc", "env_vars.sh", "gitconfig", "hosts.yml", "kaggle.json",
    "key.properties", "keystore.properties", "kubeconfig", "master.key", "secrets.json", "secrets.toml",
    "secrets.yaml", "secrets.yml", "service-account.json", "serviceAccountKey.json", "terraform.rc",
}  # fmt: skip
_IN_FOLDERS = {"conda-meta/state", "huggingface/token", "pkgs/urls", "pkgs/urls.txt"}
"""Of which only the folder's name tells what they hold."""
_KEYS = re.compile(r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?(\..+)?")
_FORMS = re.compile(
    r"\.env([._-].+)?|.+\.env(\.local)?|\.dev\.vars(\..+)?|\.aider\..+|"
    r".+\.(agekey|kdbx?|key|keystore|jks|ovpn|p12|p8|pfx|ppk|tfstate|tfvars)|.+\.(tfstate|tfvars)\..+|"
    r"(.+[-_.])?key\.pem|\.?vault[-_]pass(word)?(\..+)?|(client_secret|gha-creds-).*\.json|"
    r".+-(service-account|firebase-adminsdk.*)\.json|kubeconfig\..+|.+\.kubeconfig|"
    r"\..+_history|(bash|fish|zsh)_history|\.(history|histfile|zhistory|Rhistory|lesshst|viminfo)"
)
_NO_SECRETS = {"go.env"}
"""Settings of a toolchain that look like secrets, and without which it doesn't work."""
_SAMPLES = (".example", ".sample", ".template", ".dist")
_COPIES = (".bak", ".backup", ".old", ".orig", ".save", "~")
_PACKAGES = {"site-packages", "dist-packages", "node_modules"}
_UNPACKED = re.compile(r"include|share|registry|gems|python\d\.\d+")
_NAMING = re.compile(
    r"key|token|secret|credential|passw|passfile|askpass|auth_sock|kubeconfig|netrc|histfile|userconfig|"
    r"globalconfig|config_file|git_config|event_path|github_(env|output|path|state|step_summary)",
    re.IGNORECASE,
)


def is_package(name: str) -> bool:
    """Return whether a folder of this name holds published packages, whose keys are there for their tests."""
    return name in _PACKAGES


def is_unpacked(name: str) -> bool:
    """Return whether a folder of a toolchain holds what package managers unpacked: few secrets."""
    return is_package(name) or _UNPACKED.fullmatch(name) is not None


def is_secret(name: str, *, folder: bool, within: str = "", unpacked: bool = False) -> bool:
    """Return whether an entry of this name is likely to hold a secret.

    Args:
        name: its own, without those of the folders that it is in.
        folder: whether it is one.
        within: name of the folder that it is in.
        unpacked: whether a package manager unpacked it, so that only names without another meaning count.
    """
    if folder:
        return name in _FOLDERS
    name = _original(name)
    if name.endswith(_SAMPLES) or name in _NO_SECRETS:
        return False
    if name in _EXACT or _KEYS.fullmatch(name) or f"{within}/{name}" in _IN_FOLDERS:
        return True
    return not unpacked and (name in _FILES or _FORMS.fullmatch(name) is not None)


def _original(name: str) -> str:
    if not name.endswith(_COPIES):
        return name
    return name.removesuffix(next(ending for ending in _COPIES if name.endswith(ending)))


def is_key(name: str) -> bool:
    """Return whether a file of this name holds a key or a certificate."""
    return _original(name).endswith((".pem", ".key"))


def pointed_to(variables: Mapping[str, str]) -> frozenset[Path]:
    """Return the files that variables name whose own names tell of tokens, keys or the like."""
    named = (value for name, value in variables.items() if _NAMING.search(name))
    found = set()
    for value in named:
        # What can't be looked at, or is a whole key and no path, is no file of ours.
        with suppress(OSError):
            if value.startswith("/") and not stat.S_ISDIR(Path(value).stat().st_mode):
                found.add(Path(os.path.realpath(value)))
    return frozenset(found)
