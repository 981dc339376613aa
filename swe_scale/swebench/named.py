"""Knows the datasets that have names of their own, and what a given name or path stands for."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from swe_scale.errors import UsageError


@dataclass(frozen=True, slots=True)
class Hub:
    """A dataset of the Hugging Face hub."""

    id: str
    split: str = "test"

    def __str__(self) -> str:
        """Return what messages call it."""
        return f"{self.id}:{self.split}"


NAMED = {
    "verified": Hub("SWE-bench/SWE-bench_Verified"),
    "lite": Hub("SWE-bench/SWE-bench_Lite"),
    "full": Hub("SWE-bench/SWE-bench"),
    "multilingual": Hub("SWE-bench/SWE-bench_Multilingual"),
    "pro": Hub("ScaleAI/SWE-bench_Pro"),
    "live": Hub("SWE-bench-Live/SWE-bench-Live"),
    "rebench": Hub("nebius/SWE-rebench"),
}
"""By the name on the command line; another split follows a colon, as in `live:lite`."""

_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_SPLIT = re.compile(r"\w[\w.-]{0,99}")
_FILES = (".jsonl", ".ndjson", ".json", ".parquet")


def resolve(source: str | Path) -> Path | Hub:
    """Return the file or the dataset of the hub that is meant; a file that is there comes first.

    Raises:
        UsageError: there is neither; says what comes near.
    """
    path = Path(source)
    if isinstance(source, Path) or _exists(path):
        return path
    name, colon, split = source.partition(":")
    known = NAMED.get(name.lower()) or (Hub(name) if _HUB.fullmatch(name) else None)
    if known is None or name.lower().endswith(_FILES):
        raise UsageError(_unknown(source))
    if colon and not _SPLIT.fullmatch(split):
        raise UsageError(f"{source!r}: a split is named after the colon, as in `live:lite`.")
    return Hub(known.id, split) if split else known


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _unknown(source: str) -> str:
    if "/" in source or source.lower().endswith(_FILES):
        return f"{source} does not exist; name a file of rows, or one of: {', '.join(NAMED)}."
    near = difflib.get_close_matches(source.partition(":")[0].lower(), NAMED, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return (
        f"there is no dataset or file {source[:100]!r}.{meant} Known are {', '.join(NAMED)}, any OWNER/NAME "
        "of the Hugging Face hub, and files of rows."
    )
