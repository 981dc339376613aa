"""Reads bills from a CSV file with the columns name, amount, start, rule and, if wanted, roll."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import date

from duedates.bill import Bill
from duedates.errors import BookError, DueDatesError
from duedates.parsing import parse_rule
from duedates.schedule import Schedule
from duedates.workdays import Roll

_AMOUNT = re.compile(r"(\d+)(?:\.(\d\d))?")


def read_bills(lines: Iterable[str]) -> list[Bill]:
    """Return the bills of a CSV file that is open for reading, or of its lines.

    Raises:
        BookError: a column is missing or holds something else; names the bill and the column's text.
    """
    rows = csv.DictReader(lines, skipinitialspace=True)
    missing = {"name", "amount", "start", "rule"} - set(rows.fieldnames or ())
    if missing:
        raise BookError(f"columns are missing: {', '.join(sorted(missing))}")
    return [_bill(row, rows.line_num) for row in rows]


def cents(text: str) -> int:
    """Return an amount such as `950` or `950.00` in cents.

    Raises:
        BookError: it has another form.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise BookError(f"not an amount: {text!r}")
    return int(match[1]) * 100 + int(match[2] or 0)


def _bill(row: Mapping[str, str], line: int) -> Bill:
    if any(row[column] is None for column in ("name", "amount", "start", "rule")):
        raise BookError(f"line {line}: too few columns")
    try:
        return Bill(
            name=row["name"].strip(),
            amount=cents(row["amount"]),
            schedule=Schedule(date.fromisoformat(row["start"].strip()), parse_rule(row["rule"])),
            roll=Roll((row.get("roll") or "none").strip().lower()),
        )
    except (DueDatesError, ValueError) as error:
        raise BookError(f"line {line}: {error}") from error
