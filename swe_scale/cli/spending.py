"""Understands what may be spent, as given on the command line."""

import re
from collections.abc import Iterable

from swe_scale.cli.options import SolveOptions
from swe_scale.config import Budget, UserConfig
from swe_scale.errors import UsageError

_BUDGET = re.compile(r"\$?([\d.]+)\s*(usd|tokens?|min|minutes?|h|hours?)?", re.IGNORECASE)


def budget_of(options: SolveOptions) -> Budget:
    """Return the budget of an issue.

    Raises:
        UsageError: an amount isn't understood.
    """
    return amounts_of(options.budget or (), "--budget")


def amounts_of(texts: Iterable[str], option: str) -> Budget:
    """Return what the amounts of an option come to.

    Raises:
        UsageError: one isn't understood.
    """
    found: dict[str, float] = {}
    for text in texts:
        match = _BUDGET.fullmatch(text.strip().replace(",", "").replace("_", ""))
        unit = (match[2] or ("usd" if text.strip().startswith("$") else "")).lower() if match else ""
        if not match or not unit or match[1].count(".") > 1 or not float(match[1]) > 0:
            raise UsageError(f"{option} {text!r}: write an amount such as 2usd, 500000tokens, 30min or 8h.")
        field = "usd" if unit == "usd" else "tokens" if unit.startswith("token") else "minutes"
        found[field] = float(match[1]) * (60 if unit.startswith("h") else 1)
    tokens = found.get("tokens")
    return Budget(
        usd=found.get("usd"), minutes=found.get("minutes"), tokens=None if tokens is None else int(tokens)
    )


def check_priced(budget: Budget, models: Iterable[str], user: UserConfig, option: str = "--budget") -> None:
    """Refuse a budget in money for models that have no price.

    Raises:
        UsageError: one of them has none.
    """
    unpriced = sorted({*models} - user.prices.keys())
    if budget.usd is not None and unpriced:
        raise UsageError(
            f'{option} in usd needs a price: set [prices."{unpriced[0]}"] prompt and completion, '
            "in US dollars per million tokens, in the configuration."
        )
