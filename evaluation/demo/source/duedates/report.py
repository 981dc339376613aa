"""Payments as a plain text table."""

from __future__ import annotations

from collections.abc import Sequence

from duedates.bill import Payment


def money(cents: int) -> str:
    """Return cents as an amount with two decimals and commas: 123456 is `1,234.56`."""
    return f"{cents // 100:,}.{cents % 100:02d}"


def render(payments: Sequence[Payment]) -> str:
    """Return one line per payment and a line with the total; a day that was moved is shown behind."""
    if not payments:
        return "nothing is due\n"
    names = max(max(len(payment.bill.name) for payment in payments), len("total"))
    total = money(sum(payment.amount for payment in payments))
    lines = [_line(payment, names, len(total)) for payment in payments]
    lines.append(f"{'':10}  {'total':{names}}  {total}")
    return "\n".join(lines) + "\n"


def _line(payment: Payment, names: int, amounts: int) -> str:
    moved = f"  paid {payment.paid}" if payment.paid != payment.due else ""
    return f"{payment.due}  {payment.bill.name:{names}}  {money(payment.amount):>{amounts}}{moved}"
