import unittest
from datetime import date

from duedates.errors import RuleError
from duedates.rule import Frequency, Rule


class Next(unittest.TestCase):
    def test_days(self):
        self.assertEqual(Rule(Frequency.DAILY, 10).next(date(2023, 2, 25)), date(2023, 3, 7))

    def test_weeks(self):
        self.assertEqual(Rule(Frequency.WEEKLY, 2).next(date(2023, 2, 20)), date(2023, 3, 6))

    def test_weekdays_within_a_week_and_into_the_next_one_that_counts(self):
        rule = Rule(Frequency.WEEKLY, 2, weekdays=(3, 0))
        self.assertEqual(rule.next(date(2023, 5, 1)), date(2023, 5, 4))
        self.assertEqual(rule.next(date(2023, 5, 4)), date(2023, 5, 15))

    def test_months_and_years(self):
        self.assertEqual(Rule(Frequency.MONTHLY, 3).next(date(2023, 11, 15)), date(2024, 2, 15))
        self.assertEqual(Rule(Frequency.YEARLY).next(date(2023, 11, 15)), date(2024, 11, 15))


class FirstFrom(unittest.TestCase):
    def test_not_before_the_start(self):
        self.assertEqual(Rule(Frequency.MONTHLY).first_from(date(2023, 5, 9), date(2020, 1, 1)), date(2023, 5, 9))

    def test_a_date_itself_counts(self):
        self.assertEqual(Rule(Frequency.MONTHLY).first_from(date(2023, 5, 9), date(2023, 8, 9)), date(2023, 8, 9))

    def test_months(self):
        quarterly = Rule(Frequency.MONTHLY, 3)
        self.assertEqual(quarterly.first_from(date(2023, 1, 15), date(2023, 4, 16)), date(2023, 7, 15))
        self.assertEqual(quarterly.first_from(date(2023, 1, 15), date(2023, 6, 1)), date(2023, 7, 15))

    def test_years(self):
        yearly = Rule(Frequency.YEARLY)
        self.assertEqual(yearly.first_from(date(2019, 9, 1), date(2023, 9, 2)), date(2024, 9, 1))

    def test_weeks_are_counted_from_the_start(self):
        rule = Rule(Frequency.WEEKLY, 2, weekdays=(0, 3))
        self.assertEqual(rule.first_from(date(2023, 1, 5), date(2023, 5, 5)), date(2023, 5, 8))
        self.assertEqual(rule.first_from(date(2023, 1, 5), date(2023, 5, 9)), date(2023, 5, 11))


class Refused(unittest.TestCase):
    def test_less_than_every_one(self):
        with self.assertRaises(RuleError):
            Rule(Frequency.DAILY, 0)

    def test_weekdays_of_other_rules(self):
        with self.assertRaises(RuleError):
            Rule(Frequency.MONTHLY, weekdays=(0,))

    def test_unknown_weekdays(self):
        with self.assertRaises(RuleError):
            Rule(Frequency.WEEKLY, weekdays=(7,))


class Equality(unittest.TestCase):
    def test_the_order_of_weekdays_does_not_matter(self):
        self.assertEqual(Rule(Frequency.WEEKLY, weekdays=(3, 0, 3)), Rule(Frequency.WEEKLY, weekdays=(0, 3)))


if __name__ == "__main__":
    unittest.main()
