import unittest
from datetime import date
from itertools import islice

from duedates.errors import RuleError
from duedates.parsing import parse_rule
from duedates.schedule import Schedule


def schedule(start, rule, **options):
    return Schedule(date.fromisoformat(start), parse_rule(rule), **options)


def iso(days):
    return [day.isoformat() for day in days]


class Between(unittest.TestCase):
    def test_both_ends_are_included(self):
        rent = schedule("2023-01-15", "monthly")
        self.assertEqual(
            iso(rent.between(date(2023, 3, 15), date(2023, 5, 15))), ["2023-03-15", "2023-04-15", "2023-05-15"]
        )

    def test_nothing_before_the_start(self):
        rent = schedule("2023-01-15", "monthly")
        self.assertEqual(iso(rent.between(date(2022, 1, 1), date(2023, 2, 1))), ["2023-01-15"])

    def test_an_empty_window(self):
        self.assertEqual(schedule("2023-01-15", "monthly").between(date(2023, 3, 2), date(2023, 3, 1)), [])

    def test_a_short_month_is_met_on_its_last_day(self):
        rent = schedule("2023-01-31", "monthly")
        self.assertEqual(iso(rent.between(date(2023, 2, 1), date(2023, 2, 28))), ["2023-02-28"])
        self.assertEqual(iso(rent.between(date(2024, 2, 1), date(2024, 2, 29))), ["2024-02-29"])

    def test_every_second_week_on_two_weekdays(self):
        cleaning = schedule("2023-01-05", "every 2 weeks on mon, thu")
        self.assertEqual(
            iso(cleaning.between(date(2023, 1, 1), date(2023, 2, 2))),
            ["2023-01-05", "2023-01-16", "2023-01-19", "2023-01-30", "2023-02-02"],
        )

    def test_the_last_day_named_by_until_counts(self):
        wages = schedule("2023-01-10", "every 10 days until 2023-01-30")
        self.assertEqual(iso(wages), ["2023-01-10", "2023-01-20", "2023-01-30"])

    def test_skipped_days(self):
        rent = schedule("2023-01-15", "monthly", skipped={date(2023, 2, 15)})
        self.assertEqual(iso(rent.between(date(2023, 1, 1), date(2023, 3, 31))), ["2023-01-15", "2023-03-15"])


class After(unittest.TestCase):
    def test_the_day_itself_does_not_count(self):
        self.assertEqual(
            iso(schedule("2023-01-15", "yearly").after(date(2023, 1, 15), 2)), ["2024-01-15", "2025-01-15"]
        )

    def test_fewer_at_the_end(self):
        self.assertEqual(
            iso(schedule("2023-01-15", "monthly until 2023-03-14").after(date(2023, 1, 15), 9)), ["2023-02-15"]
        )


class Whole(unittest.TestCase):
    def test_starts_with_the_start(self):
        self.assertEqual(iso(islice(schedule("2023-01-05", "weekly"), 2)), ["2023-01-05", "2023-01-12"])

    def test_stops_where_the_calendar_does(self):
        self.assertEqual(iso(schedule("9998-06-01", "yearly")), ["9998-06-01", "9999-06-01"])
        self.assertEqual(schedule("9999-12-01", "monthly").after(date.max, 1), [])

    def test_the_start_must_be_one_of_the_weekdays(self):
        with self.assertRaises(RuleError):
            schedule("2023-01-06", "weekly on mon, thu")


if __name__ == "__main__":
    unittest.main()
