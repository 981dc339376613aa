"""Reads rules as people write them: "every 2 weeks on mon, thu until 2024-06-30"."""

from __future__ import annotations

import re
from datetime import date

from duedates.errors import RuleError
from duedates.rule import Frequency, Rule

_SHORT = {
    "daily": "every day",
    "weekly": "every week",
    "monthly": "every month",
    "quarterly": "every 3 months",
    "yearly": "every year",
}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(
    r"every(?:\s+(?P<every>\d+))?\s+(?P<unit>day|week|month|year)s?"
    r"(?:\s+on\s+(?P<weekdays>[a-z]+(?:\s*,\s*[a-z]+)*))?"
    r"(?:\s+until\s+(?P<until>\S+))?"
)


def parse_rule(text: str) -> Rule:
    """Return the rule that a text describes; case and extra spaces don't matter.

    Raises:
        RuleError: the text has another form, or names an unknown weekday or an impossible date.
    """
    words = " ".join(text.lower().split())
    head, _, rest = words.partition(" ")
    if head in _SHORT:
        words = f"{_SHORT[head]} {rest}".strip()
    match = _FORM.fullmatch(words)
    if match is None:
        raise RuleError(f'not a rule: {text!r}; try "every 2 weeks on mon, thu" or "monthly until 2024-12-31"')
    return Rule(
        frequency=Frequency(match["unit"]),
        every=int(match["every"] or 1),
        weekdays=_weekdays(match["weekdays"]),
        until=_until(match["until"]),
    )


def _weekdays(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    return tuple(_weekday(word.strip()) for word in text.split(","))


def _weekday(word: str) -> int:
    try:
        return _WEEKDAYS.index(word[:3])
    except ValueError:
        raise RuleError(f"not a weekday: {word!r}") from None


def _until(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RuleError(f"not a date of the form YYYY-MM-DD: {text!r}") from None
