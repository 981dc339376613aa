"""Due dates of bills that come back."""

from duedates.bill import Bill, Payment
from duedates.book import read_bills
from duedates.errors import BookError, DueDatesError, RuleError
from duedates.ledger import Ledger
from duedates.parsing import parse_rule
from duedates.report import render
from duedates.rule import Frequency, Rule
from duedates.schedule import Schedule
from duedates.workdays import Roll, WorkCalendar

__all__ = [
    "Bill",
    "BookError",
    "DueDatesError",
    "Frequency",
    "Ledger",
    "Payment",
    "Roll",
    "Rule",
    "RuleError",
    "Schedule",
    "WorkCalendar",
    "parse_rule",
    "read_bills",
    "render",
]
