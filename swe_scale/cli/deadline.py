"""Understands when a run is to have ended, as given on the command line."""

import re
from datetime import datetime, timedelta

from swe_scale.errors import UsageError

_LATER = re.compile(r"\+\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(min|minutes?|h|hours?)")
_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2})?")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_FORMS = "write 18:30, 2026-12-01T18:30, 2026-12-01T18:30+01:00 or +45min"


def deadline_of(text: str | None, now: datetime | None = None) -> datetime | None:
    """Return the moment that a deadline names; a time without an offset is local.

    Args:
        text: as given. None: there is no deadline.
        now: a moment with an offset. None: now, in local time.

    Raises:
        UsageError: it isn't understood, is over, or isn't one moment in the local time.
    """
    if text is None:
        return None
    present = now or datetime.now().astimezone()
    try:
        found = _moment(text.strip(), present)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--deadline {text!r} can't be understood: {_FORMS}.") from error
    if found <= present:
        here = written(present)
        raise UsageError(f"--deadline {text!r} is over: it is {here}. Give a later one: {_FORMS}.")
    return found


def written(moment: datetime) -> str:
    """Return a moment for a person to read, with its distance from UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC{moment:%z}"


def _moment(text: str, now: datetime) -> datetime:
    if match := _LATER.fullmatch(text):
        return now + timedelta(minutes=float(match[1]) * (60 if match[2].startswith("h") else 1))
    if _CLOCK.fullmatch(text):
        return _local(datetime.fromisoformat(f"{now:%Y-%m-%d}T{text}"), text)
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    named = datetime.fromisoformat(text)
    return named if named.tzinfo is not None else _local(named, text)


def _local(naive: datetime, text: str) -> datetime:
    """Return the one moment at which clocks here show this.

    Raises:
        UsageError: they never do, or do so twice, since they are put forward or back.
    """
    first, second = (naive.replace(fold=fold).astimezone() for fold in (0, 1))
    if first.replace(tzinfo=None) != naive:
        raise UsageError(f"--deadline {text!r} never comes: clocks are put forward here then. Give another.")
    if first.utcoffset() != second.utcoffset():
        raise UsageError(
            f"--deadline {text!r} comes twice, since clocks are put back here then: write "
            f"{first:%Y-%m-%dT%H:%M:%S}{_offset(first)} or {second:%Y-%m-%dT%H:%M:%S}{_offset(second)}."
        )
    return first


def _offset(moment: datetime) -> str:
    return f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:5]
