"""Reads rows of datasets of the Hugging Face hub, which its library keeps in its own cache."""

import logging
from collections.abc import Iterator
from typing import Any

from swe_scale.errors import UsageError
from swe_scale.swebench.columns import INSTALL, check_columns
from swe_scale.swebench.named import Hub
from swe_scale.swebench.rows import Found


def read_hub(hub: Hub, columns: frozenset[str], needed: frozenset[str]) -> Iterator[Found]:
    """Yield the rows of a dataset of the hub, with the columns that are asked for.

    Raises:
        UsageError: there is no such dataset or split, it can't be had, lacks a column that is needed, or the
            library is missing.
    """
    rows = _opened(hub)
    names = frozenset(rows.column_names)
    check_columns(str(hub), names, needed)
    for number, row in enumerate(rows.select_columns(sorted(columns & names)), start=1):
        yield Found(f"row {number}", row, names)


def _opened(hub: Hub) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise UsageError(
            f"to read {hub} from the Hugging Face hub, the package datasets is needed; {INSTALL}"
        ) from error
    datasets.disable_progress_bars()
    # Its warnings on tries and tokens would stand between our lines.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return datasets.load_dataset(hub.id, split=hub.split)
    except Exception as error:
        # The libraries below raise types of half a dozen packages, and share no base but this one.
        raise UsageError(_refusal(hub, error)) from error


def _refusal(hub: Hub, error: Exception) -> str:
    said = " ".join(str(error).split())[:300]
    kind = type(error).__name__
    if "split" in said.lower() and isinstance(error, ValueError):
        return f"the dataset {hub.id} has no split {hub.split!r}: {said}"
    if kind == "DatasetNotFoundError":
        return f"the Hugging Face hub has no dataset {hub.id}, or shows it only after a login: {said}"
    return (
        f"the dataset {hub.id} can't be had from the Hugging Face hub ({kind}: {said}). Check the network, "
        "or download its files elsewhere and name them."
    )
