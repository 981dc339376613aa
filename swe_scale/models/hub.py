"""Looks into what has been downloaded from Hugging Face, which is never asked for anything here."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["cached"]


def cached(model: str, file: str, variables: Mapping[str, str]) -> Path | None:
    """Return a file of a model's main revision in the local cache; None where it isn't there.

    Args:
        model: its name, such as `Qwen/Qwen3-8B`.
        file: the file's name.
        variables: of the environment that says where the cache is.
    """
    home = variables.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - there may be no home folder
    caches = variables.get("XDG_CACHE_HOME") or f"{home}/.cache"
    hub = variables.get("HF_HUB_CACHE") or f"{variables.get('HF_HOME') or f'{caches}/huggingface'}/hub"
    kept = Path(hub, f"models--{model.replace('/', '--')}")
    try:
        commit = (kept / "refs" / "main").read_text(encoding="ascii").strip()
        if re.fullmatch(r"[0-9a-f]{40}", commit) and (kept / "snapshots" / commit / file).is_file():
            return kept / "snapshots" / commit / file
    except (OSError, ValueError):
        return None
    return None
