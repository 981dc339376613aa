import unittest
from datetime import date, timedelta

from duedates.errors import DueDatesError
from duedates.workdays import Roll, WorkCalendar

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2023, 3, 31) + timedelta(days=day) for day in range(4))


class Rolling(unittest.TestCase):
    def test_a_working_day_stays(self):
        for how in Roll:
            self.assertEqual(WorkCalendar().roll(FRIDAY, how), FRIDAY)

    def test_weekends(self):
        calendar = WorkCalendar()
        self.assertEqual(calendar.roll(SATURDAY, Roll.NONE), SATURDAY)
        self.assertEqual(calendar.roll(SUNDAY, Roll.FOLLOWING), MONDAY)
        self.assertEqual(calendar.roll(SUNDAY, Roll.PRECEDING), FRIDAY)

    def test_closed_days(self):
        self.assertEqual(WorkCalendar(closed=frozenset({MONDAY})).roll(SATURDAY, Roll.FOLLOWING), date(2023, 4, 4))

    def test_modified_stays_in_the_month(self):
        self.assertEqual(WorkCalendar().roll(date(2023, 4, 30), Roll.MODIFIED), date(2023, 4, 28))
        self.assertEqual(WorkCalendar().roll(SATURDAY, Roll.MODIFIED), MONDAY)

    def test_never_open(self):
        with self.assertRaises(DueDatesError):
            WorkCalendar(weekend=tuple(range(7))).roll(FRIDAY, Roll.FOLLOWING)


if __name__ == "__main__":
    unittest.main()
