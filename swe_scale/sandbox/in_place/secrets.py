"""Tells by its name what is never shown to hostile code: keys, tokens, and folders that hold them."""

import re

_FOLDERS = {
    ".1password", ".aws", ".azure", ".config", ".docker", ".electrum", ".gcloud", ".gnupg", ".kube",
    ".mozilla", ".password-store", ".secrets", ".ssh", ".terraform.d", ".thunderbird", ".vault",
}  # fmt: skip
_FILES = {
    ".boto", ".condarc", ".dockercfg", ".git-credentials", ".my.cnf", ".netrc", ".npmrc", ".pgpass",
    ".pypirc", ".s3cfg", ".vault-token", ".yarnrc.yml", "_netrc", "application_default_credentials.json",
    "credentials", "credentials.json", "credentials.toml", "gh_token", "hosts.yml", "pip.conf",
    "secrets.json", "secrets.toml", "secrets.yaml", "secrets.yml", "service-account.json",
    "settings-security.xml",
}  # fmt: skip
_FORMS = re.compile(
    r"\.env(\..+)?|id_(rsa|dsa|ecdsa|ed25519)(_sk)?(\..+)?|.+\.(kdbx?|keystore|jks|p12|pfx|ppk|tfstate)|"
    r"\.?bash_history|\.?zsh_history|\.python_history|\.node_repl_history|\.psql_history"
)
_SAMPLES = (".example", ".sample", ".template", ".dist")
_UNPACKED = re.compile(r"site-packages|dist-packages|node_modules|include|share|registry|gems|python3\.\d+")


def is_unpacked(name: str) -> bool:
    """Return whether a folder of a toolchain holds what package managers unpacked: nobody's secrets."""
    return _UNPACKED.fullmatch(name) is not None


def is_secret(name: str, *, folder: bool) -> bool:
    """Return whether an entry of this name is likely to hold a secret, wherever it is.

    Args:
        name: its own, without those of the folders that it is in.
        folder: whether it is one.
    """
    if folder:
        return name in _FOLDERS
    return not name.endswith(_SAMPLES) and (name in _FILES or _FORMS.fullmatch(name) is not None)
