"""Finds a model's own description, without its weights: in its folder, in the local cache, or on its hub."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx2
from anyio.to_thread import run_sync

from swe_scale.errors import UsageError
from swe_scale.models.hub import cached
from swe_scale.models.serving.shape import Shape, read_shape

__all__ = ["check_name", "find_shape", "is_folder"]

_HUB = "https://huggingface.co"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)
_SECONDS = 20.0
_MOST = 16 * 1024**2
"""Bytes of a description that are read; the longest known index has 10 million."""
_WEIGHTS = (r"model(-\d+-of-\d+)?\.safetensors", r".*\.safetensors", r"pytorch_model.*\.bin")
"""Names of the files that hold the weights; a later form counts only where there is none of an earlier."""


class _Unknown(Exception):
    """Why a description can't be had."""


def is_folder(model: str) -> bool:
    """Return whether a model is a folder of this machine."""
    return Path(model).is_dir()


def check_name(model: str) -> None:
    """Make sure that a model is a folder here, or may be one of a hub.

    Raises:
        UsageError: it can be neither.
    """
    if model.startswith("-"):
        raise UsageError(f"{model!r} is no model: name it before any flag of the server.")
    if is_folder(model):
        if not Path(model, "config.json").is_file():
            raise UsageError(f"{model} holds no config.json: name the folder in which the model itself lies.")
    elif Path(model).exists():
        raise UsageError(f"{model} is a file: name a folder with config.json, or ORGANISATION/NAME.")
    elif not _NAME.fullmatch(model) or ".." in model:
        raise UsageError(
            f"there is no folder {model!r}, and no hub has such a name; write ORGANISATION/NAME."
        )


async def find_shape(model: str, variables: Mapping[str, str]) -> Shape:
    """Return what is known of a model; where nothing is, its field `why` says so."""
    try:
        kept = None if is_folder(model) else await run_sync(cached, model, "config.json", variables)
        folder = Path(model) if is_folder(model) else kept and kept.parent
        if folder is not None:
            return read_shape(*await run_sync(_read_folder, folder))
        if variables.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
            raise _Unknown("it isn't in the local cache, and HF_HUB_OFFLINE is set")
        return read_shape(*await _ask_hub(model, variables))
    except _Unknown as fault:
        return Shape(why=str(fault))


def _read_folder(folder: Path) -> tuple[dict[str, Any], int | None]:
    try:
        with (folder / "config.json").open("rb") as file:
            config = _parsed(file.read(_MOST + 1), str(folder / "config.json"))
        # A cache may hold some of the files only; then the index alone knows how much there will be.
        if (index := folder / "model.safetensors.index.json").is_file():
            with index.open("rb") as file:
                return config, _total(_parsed(file.read(_MOST + 1), str(index)))
        sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    except OSError as error:
        raise _Unknown(f"{folder} can't be read: {error.strerror}") from error
    return config, _stored(sizes)


def _total(index: Mapping[str, Any]) -> int | None:
    described = index.get("metadata")
    total = described.get("total_size") if isinstance(described, dict) else None
    return total if isinstance(total, int) and 0 < total < 2**50 else None


def _stored(sizes: Mapping[str, int]) -> int | None:
    """Return the bytes of the files that hold the weights; None where there are none."""
    for form in _WEIGHTS:
        if total := sum(size for name, size in sizes.items() if re.fullmatch(form, name)):
            return total
    return None


async def _ask_hub(model: str, variables: Mapping[str, str]) -> tuple[dict[str, Any], int | None]:
    """Ask the hub for a model's configuration and the sizes of its files."""
    hub = (variables.get("HF_ENDPOINT") or _HUB).rstrip("/")
    token = variables.get("HF_TOKEN", "").strip()
    # A token is for its hub alone, and not for a wire that others may read.
    sent = bool(token) and hub.startswith("https://") and re.fullmatch(r"[!-~]+", token) is not None
    headers = {"Authorization": f"Bearer {token}"} if sent else {}
    try:
        with anyio.fail_after(_SECONDS):
            async with httpx2.AsyncClient(headers=headers, timeout=_SECONDS) as client:
                config = await _get(client, hub, f"/{model}/resolve/main/config.json")
                files = await _get(client, hub, f"/api/models/{model}/tree/main")
    except (TimeoutError, httpx2.TimeoutException):
        raise _Unknown(f"{hub} didn't answer within {_SECONDS:.0f} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _Unknown(f"{hub} can't be reached: {str(error) or type(error).__name__}") from None
    if not isinstance(config, dict):
        raise _Unknown("its config.json is no JSON object")
    return config, _stored(_listed(files))


def _listed(files: object) -> dict[str, int]:
    rows = [row for row in files if isinstance(row, dict)] if isinstance(files, list) else []
    pairs = ((row.get("path"), row.get("size")) for row in rows)
    return {
        path: size for path, size in pairs if isinstance(path, str) and isinstance(size, int) and size > 0
    }


async def _get(client: httpx2.AsyncClient, hub: str, path: str) -> object:
    """Return the JSON at an address of the hub; it may send us elsewhere on the same host, a few times."""
    url = httpx2.URL(hub + path)
    origin = (url.scheme, url.host, url.port)
    for _ in range(4):
        async with client.stream("GET", url) as reply:
            if reply.status_code in (301, 302, 303, 307, 308):
                url = url.join(reply.headers.get("location", ""))
                if (url.scheme, url.host, url.port) != origin:
                    raise _Unknown(f"{hub} sends us to another host for it")
                continue
            if reply.status_code != 200:
                raise _Unknown(_refusal(reply.status_code, hub))
            body = b""
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > _MOST:
                    break
        return _json(body, path)
    raise _Unknown(f"{hub} sends us in circles for it")


def _refusal(status: int, hub: str) -> str:
    if status in (401, 403):
        return f"{hub} has no such model, or not for everybody: check the name, or set HF_TOKEN"
    return f"{hub} has no such model" if status == 404 else f"{hub} answered {status}"


def _parsed(body: bytes, where: str) -> dict[str, Any]:
    value = _json(body, where)
    if not isinstance(value, dict):
        raise _Unknown(f"{where} is no JSON object")
    return value


def _json(body: bytes, where: str) -> object:
    if len(body) > _MOST:
        raise _Unknown(f"{where} is longer than {_MOST:,} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _Unknown(f"{where} is no JSON") from None
