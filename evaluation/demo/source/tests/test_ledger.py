import unittest
from datetime import date

from duedates.bill import Bill
from duedates.errors import DueDatesError
from duedates.ledger import Ledger
from duedates.parsing import parse_rule
from duedates.schedule import Schedule
from duedates.workdays import Roll


def bill(name, amount, start, rule, roll=Roll.NONE):
    return Bill(name, amount, Schedule(date.fromisoformat(start), parse_rule(rule)), roll)


def shown(payments):
    return [(payment.due.isoformat(), payment.bill.name) for payment in payments]


class Lists(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger(
            [
                bill("water", 2500, "2023-01-10", "quarterly"),
                bill("rent", 95000, "2023-01-01", "monthly", Roll.FOLLOWING),
                bill("cleaning", 4000, "2023-01-05", "every 2 weeks on mon, thu"),
                bill("alarm", 900, "2023-01-10", "yearly"),
            ]
        )

    def test_by_date_and_then_by_name(self):
        self.assertEqual(
            shown(self.ledger.month(2023, 1)),
            [
                ("2023-01-01", "rent"),
                ("2023-01-05", "cleaning"),
                ("2023-01-10", "alarm"),
                ("2023-01-10", "water"),
                ("2023-01-16", "cleaning"),
                ("2023-01-19", "cleaning"),
                ("2023-01-30", "cleaning"),
            ],
        )

    def test_a_month_belongs_to_the_due_date_even_if_paid_in_another(self):
        first = self.ledger.month(2023, 1)[0]
        self.assertEqual((first.due, first.paid), (date(2023, 1, 1), date(2023, 1, 2)))

    def test_upcoming(self):
        self.assertEqual(
            shown(self.ledger.upcoming(date(2023, 3, 31), 3)),
            [("2023-04-01", "rent"), ("2023-04-10", "cleaning"), ("2023-04-10", "water")],
        )

    def test_totals(self):
        totals = self.ledger.totals(2023)
        self.assertEqual(sorted(totals), list(range(1, 13)))
        self.assertEqual(totals[1], 95000 + 4 * 4000 + 2500 + 900)
        self.assertEqual(totals[3], 95000 + 5 * 4000)


class Bills(unittest.TestCase):
    def test_names_differ(self):
        with self.assertRaises(DueDatesError):
            Ledger([bill("rent", 1, "2023-01-01", "monthly"), bill("rent", 2, "2023-01-01", "monthly")])

    def test_refused(self):
        with self.assertRaises(DueDatesError):
            bill(" ", 1, "2023-01-01", "monthly")
        with self.assertRaises(DueDatesError):
            bill("rent", 0, "2023-01-01", "monthly")


if __name__ == "__main__":
    unittest.main()
