"""Reads predictions in the field's forms: whatever stands in them, it is told what can't be used."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swe_scale.errors import UsageError

_LARGEST = 1 << 30
"""Bytes of a file that must be read as a whole."""
_LONGEST_LINE = 128 << 20
_LARGEST_PATCH = 32 << 20
"""Characters."""
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Prediction:
    """A patch that somebody proposes for a row; empty where there is none."""

    instance: str
    patch: str
    model: str = ""


class _Fault(Exception):
    """A prediction that can't be used, and why."""


def read_predictions(path: Path, unusable: Callable[[str], None]) -> Iterator[Prediction]:
    """Yield the predictions of a file: JSON Lines, or JSON with one, a list, or an object by instance id.

    Args:
        path: the file.
        unusable: told of each that can't be used, and where it stands; the others go on.

    Raises:
        UsageError: the file can't be read, or isn't of such a form.
    """
    try:
        entries = _lines(path) if path.suffix == ".jsonl" else _entries(path)
        for place, value in entries:
            try:
                yield _prediction(value() if callable(value) else value)
            except _Fault as fault:
                unusable(f"{path}, {place}: {fault}")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            whole = line.endswith(b"\n") or len(line) < _LONGEST_LINE
            while not whole:
                whole = (rest := file.readline(1 << 16)).endswith(b"\n") or not rest
                line = b""
            if line.removeprefix(b"\xef\xbb\xbf").strip() or not line:
                yield f"line {number}", lambda data=line: _parsed(data)


def _parsed(data: bytes) -> Any:
    if not data:
        raise _Fault(f"longer than {_LONGEST_LINE >> 20} MiB")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _Fault(f"not UTF-8: {error.reason} at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise _Fault(f"not JSON: {error}") from error


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    if path.stat().st_size > _LARGEST:
        raise UsageError(f"{path} is larger than {_LARGEST >> 30} GiB; write it as JSON Lines (.jsonl).")
    try:
        whole = _parsed(path.read_bytes() or b"null")
    except _Fault as fault:
        raise UsageError(
            f"{path} is {fault}. Predictions are JSON, or JSON Lines in a .jsonl file."
        ) from fault
    if isinstance(whole, list):
        yield from ((f"entry {number}", value) for number, value in enumerate(whole, start=1))
    elif isinstance(whole, dict) and isinstance(whole.get("instance_id"), str):
        yield "the prediction", whole
    elif isinstance(whole, dict):
        for name, value in whole.items():
            several = value if isinstance(value, list) else [value]
            yield from ((f"entry {name[:_SHOWN]!r}", _named(name, one)) for one in several)
    else:
        raise UsageError(
            f"{path} holds no predictions: a list of them is needed, or an object with one per instance id."
        )


def _named(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {"instance_id": name, **value}
    return {"instance_id": name, "model_patch": value} if isinstance(value, str) else value


def _prediction(value: Any) -> Prediction:
    if not isinstance(value, Mapping):
        raise _Fault("not an object with instance_id and model_patch")
    name = value.get("instance_id")
    if not isinstance(name, str) or not name.strip():
        raise _Fault("instance_id is missing or empty")
    if "model_patch" not in value:
        raise _Fault(f"{name[:_SHOWN]!r} has no model_patch")
    patch = value["model_patch"]
    if patch is not None and not isinstance(patch, str):
        raise _Fault(f"model_patch of {name[:_SHOWN]!r} is not a text")
    model = value.get("model_name_or_path")
    return Prediction(name, usable_patch(name, patch or ""), model if isinstance(model, str) else "")


def usable_patch(name: str, patch: str) -> str:
    """Return a patch that can be written to a file.

    Raises:
        _Fault: it can't.
    """
    if len(patch) > _LARGEST_PATCH:
        raise _Fault(f"the patch of {name[:_SHOWN]!r} is longer than {_LARGEST_PATCH >> 20} Mi characters")
    try:
        patch.encode()
    except UnicodeEncodeError as error:
        raise _Fault(f"the patch of {name[:_SHOWN]!r} is not text: it holds half of a character") from error
    return patch
