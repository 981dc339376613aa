import unittest
from datetime import date

from duedates.errors import RuleError
from duedates.parsing import parse_rule
from duedates.rule import Frequency, Rule


class ParseRule(unittest.TestCase):
    def test_units(self):
        self.assertEqual(parse_rule("every day"), Rule(Frequency.DAILY))
        self.assertEqual(parse_rule("every 2 weeks"), Rule(Frequency.WEEKLY, 2))
        self.assertEqual(parse_rule("every 3 months"), Rule(Frequency.MONTHLY, 3))
        self.assertEqual(parse_rule("every year"), Rule(Frequency.YEARLY))

    def test_short_forms(self):
        self.assertEqual(parse_rule("quarterly"), Rule(Frequency.MONTHLY, 3))
        self.assertEqual(parse_rule("weekly on fri"), Rule(Frequency.WEEKLY, weekdays=(4,)))

    def test_weekdays(self):
        self.assertEqual(parse_rule("every week on thu, monday"), Rule(Frequency.WEEKLY, weekdays=(0, 3)))

    def test_until(self):
        self.assertEqual(parse_rule("monthly until 2024-02-29").until, date(2024, 2, 29))

    def test_case_and_spaces(self):
        self.assertEqual(parse_rule("  Every   2 Weeks ON Mon ,Thu "), Rule(Frequency.WEEKLY, 2, weekdays=(0, 3)))

    def test_refused(self):
        for text in (
            "",
            "often",
            "every month on mon",
            "every week on noday",
            "daily until 2023-02-29",
            "every 0 days",
        ):
            with self.subTest(text), self.assertRaises(RuleError):
                parse_rule(text)


if __name__ == "__main__":
    unittest.main()
