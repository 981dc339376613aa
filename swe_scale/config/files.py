"""Reads and writes configurations, and knows the folders of the user's own."""

import os
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from swe_scale.config.base import Config
from swe_scale.config.run import UserConfig
from swe_scale.errors import UsageError


def user_folder() -> Path:
    """Return the folder of the user's own configuration."""
    return _place("XDG_CONFIG_HOME", ".config") / "swe-scale"


def cache_folder() -> Path:
    """Return the folder in which environments and executions are kept across runs."""
    return _place("XDG_CACHE_HOME", ".cache") / "swe-scale"


def _place(variable: str, below_home: str) -> Path:
    """Return the folder that a variable names; one that isn't absolute counts as unset, as XDG wants it."""
    named = Path(os.environ.get(variable, ""))
    if named.is_absolute():
        return named
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() has no answer where there is none
    if not home.is_absolute():
        raise UsageError(f"there is no home folder: set HOME, or {variable}, to an absolute path.")
    return home / below_home


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content.

    Raises:
        UsageError: it can't be read, or isn't TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


_PLAIN = {"extra_forbidden": "there is no such field", "union_tag_not_found": "its kind is missing"}
"""Faults that the validating library names in words of its own."""


def explain(error: ValidationError) -> str:
    """Return what is wrong, one fault per line, each with the place of its field."""
    faults = error.errors(include_url=False, include_input=False)
    return "\n".join(
        f"  {'.'.join(str(part) for part in fault['loc'])}: {_PLAIN.get(fault['type'], fault['msg'])}"
        for fault in faults
    )


def load_user_config(path: Path | None) -> UserConfig:
    """Return the user's configuration; the default one where there is no file.

    Raises:
        UsageError: a named file is missing, or a field is unknown or of the wrong form.
    """
    chosen = path or user_folder() / "config.toml"
    if path is None and not chosen.is_file():
        return UserConfig()
    try:
        return UserConfig.model_validate(read_toml(chosen))
    except ValidationError as error:
        raise UsageError(f"{chosen} is not a valid configuration:\n{explain(error)}") from error


def dump_toml(config: Config) -> str:
    """Return the configuration as TOML; fields that are None are left out."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
