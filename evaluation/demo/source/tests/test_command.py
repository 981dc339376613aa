import io
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from duedates.__main__ import main
from duedates.book import cents, read_bills
from duedates.errors import BookError

BOOK = """\
name, amount, start, rule, roll
rent, 950.00, 2023-01-01, monthly, following
cleaning, 40, 2023-01-05, "every 2 weeks on mon, thu", none
"""

OCTOBER = """\
2023-10-01  rent        950.00  paid 2023-10-02
2023-10-09  cleaning     40.00
2023-10-12  cleaning     40.00
2023-10-23  cleaning     40.00
2023-10-26  cleaning     40.00
            total     1,110.00
"""


class Command(unittest.TestCase):
    def run_with(self, book, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "bills.csv")
            path.write_text(book, encoding="utf-8")
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                status = main([str(path), *arguments])
        return status, out.getvalue(), err.getvalue()

    def test_a_month(self):
        status, out, err = self.run_with(BOOK, "--month", "2023-10")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, OCTOBER)

    def test_a_year_and_what_comes_next(self):
        self.assertIn("total     13,440.00", self.run_with(BOOK, "--year", "2023")[1])
        self.assertEqual(len(self.run_with(BOOK, "--next", "3", "--from", "2023-05-01")[1].splitlines()), 4)

    def test_nothing(self):
        self.assertEqual(self.run_with(BOOK, "--year", "2022")[1], "nothing is due\n")

    def test_a_bad_line_is_named(self):
        status, _, err = self.run_with(BOOK + "gas, much, 2023-01-01, monthly\n", "--year", "2023")
        self.assertEqual((status, err), (2, "duedates: line 4: not an amount: 'much'\n"))


class Reading(unittest.TestCase):
    def test_cents(self):
        self.assertEqual([cents("950"), cents(" 0.07 ")], [95000, 7])
        with self.assertRaises(BookError):
            cents("1.5")

    def test_columns(self):
        with self.assertRaisesRegex(BookError, "rule, start"):
            read_bills(["name,amount\n"])
        with self.assertRaisesRegex(BookError, "too few columns"):
            read_bills(["name,amount,start,rule\n", "rent\n"])


if __name__ == "__main__":
    unittest.main()
