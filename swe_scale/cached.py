"""Small records that are kept in the cache folder, for whoever would otherwise find them out again."""

from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

import anyio
from pydantic import ValidationError

from swe_scale.records import Record

R = TypeVar("R", bound=Record)


async def read_cached(place: Path, kind: type[R]) -> R | None:
    """Return what is kept in a file; None where there is nothing, or a record of another version."""
    with suppress(OSError, ValidationError):
        return kind.model_validate_json(await anyio.Path(place).read_bytes())
    return None


async def write_cached(place: Path, record: Record) -> None:
    """Keep a record in a file, whole or not at all. Where nothing can be written, it is found out anew."""
    file = anyio.Path(place)
    with suppress(OSError):
        await file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{token_hex(4)}.part")
        await part.write_text(record.model_dump_json(), encoding="utf-8")
        await part.replace(file)
