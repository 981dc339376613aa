import unittest
from datetime import date

from duedates.months import add_months, days_in_month, month_bounds, months_between


class AddMonths(unittest.TestCase):
    def test_keeps_the_day(self):
        self.assertEqual(add_months(date(2023, 1, 15), 1), date(2023, 2, 15))

    def test_crosses_the_turn_of_the_year(self):
        self.assertEqual(add_months(date(2023, 11, 15), 3), date(2024, 2, 15))
        self.assertEqual(add_months(date(2024, 2, 15), -3), date(2023, 11, 15))

    def test_a_short_month_gives_its_last_day(self):
        self.assertEqual(add_months(date(2023, 1, 31), 1), date(2023, 2, 28))
        self.assertEqual(add_months(date(2024, 1, 30), 1), date(2024, 2, 29))

    def test_the_last_day_of_a_short_month_is_an_ordinary_day(self):
        self.assertEqual(add_months(date(2023, 2, 28), 1), date(2023, 3, 28))
        self.assertEqual(add_months(date(2023, 4, 30), 1), date(2023, 5, 30))

    def test_the_calendar_ends(self):
        with self.assertRaises(OverflowError):
            add_months(date(9999, 12, 1), 1)
        with self.assertRaises(OverflowError):
            add_months(date(1, 1, 1), -1)


class Months(unittest.TestCase):
    def test_days_in_month(self):
        self.assertEqual([days_in_month(2024, month) for month in (1, 2, 4)], [31, 29, 30])
        self.assertEqual(days_in_month(2023, 2), 28)

    def test_months_between_ignores_days(self):
        self.assertEqual(months_between(date(2023, 1, 31), date(2023, 2, 1)), 1)
        self.assertEqual(months_between(date(2023, 11, 1), date(2022, 12, 31)), -11)

    def test_month_bounds(self):
        self.assertEqual(month_bounds(2024, 2), (date(2024, 2, 1), date(2024, 2, 29)))


if __name__ == "__main__":
    unittest.main()
