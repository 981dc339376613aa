"""What is said in a trajectory of the benchmark: the same texts for both sides, new ones every turn."""

ISSUE = "The total is wrong when the first day of the month is a holiday. " * 20
"""1,300 characters: a short issue."""


def reply(number: int) -> str:
    """Return the model's reply of a turn, about 450 characters with one command."""
    reason = f"In turn {number} I look at the next place where the day of the month is worked out. " * 4
    return f"{reason}\n\n```bash\ngrep -rn 'holiday_{number}' src | head -n 20\n```\n"


def output(number: int) -> str:
    """Return what the command of a turn printed: 20 lines, about 1,200 characters."""
    return "".join(
        f"src/calendar/part_{number}.py:{line}:    holiday_{number} = {line}\n" for line in range(100, 120)
    )
