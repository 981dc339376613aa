"""The command line: `python -m duedates bills.csv --month 2023-05`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date

from duedates.bill import Payment
from duedates.book import read_bills
from duedates.ledger import Ledger
from duedates.report import render


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table of what is due; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with open(options.book, encoding="utf-8", newline="") as book:
            ledger = Ledger(read_bills(book))
        print(render(_wanted(ledger, options)), end="")
    except (ValueError, OSError) as error:
        print(f"duedates: {error}", file=sys.stderr)
        return 2
    return 0


def _wanted(ledger: Ledger, options: argparse.Namespace) -> list[Payment]:
    if options.month:
        return ledger.month(options.month.year, options.month.month)
    if options.year:
        return ledger.year(options.year)
    return ledger.upcoming(options.start, options.next)


def _month(text: str) -> date:
    return date.fromisoformat(f"{text}-01")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="duedates", description="What is due, and when.")
    parser.add_argument("book", help="CSV file with the columns name, amount, start, rule, roll")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--month", type=_month, metavar="YYYY-MM", help="what is due in a month")
    which.add_argument("--year", type=int, metavar="YYYY", help="what is due in a year")
    which.add_argument("--next", type=int, metavar="N", help="the next payments")
    parser.add_argument(
        "--from", dest="start", type=date.fromisoformat, default=date.today(), help="day from which --next counts"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
