"""What is said in a trajectory of the benchmark: the same texts for both sides, new ones in every turn."""

ISSUE = "The total is wrong when the first day of the month is a holiday. " * 20
"""1,300 characters: a short issue."""


def reply(turn: str) -> str:
    """Return the model's reply, about 450 characters with one command; `turn` is unique in the process."""
    reason = f"In turn {turn} I look at the next place where the first day of the month is worked out. " * 4
    return f"{reason}\n\n```bash\ngrep -rn 'holiday_{turn}' src | head -n 20\n```\n"


def output(turn: str) -> str:
    """Return what the command of a turn printed: 20 lines, about 1,100 characters."""
    return "".join(f"src/calendar/months.py:{line}:    holiday_{turn} = {line}\n" for line in range(100, 120))


def files(number: int) -> list[str]:
    """Return the text of files that an issue's trajectories are shown, 60 kB together."""
    line = "    total_{0}_{1} = sum(day.hours for day in month.days if not day.holiday)\n"
    rows = [line.format(number, row) for row in range(798)]
    return ["".join(rows[start : start + 133]) for start in range(0, len(rows), 133)]
