"""What both sides of the agent loop's benchmark are given: the same commands, which time themselves.

Imported by both sides, one of which runs without this project.
"""

import re
from collections.abc import Sequence

COMMANDS = (
    "ls",
    "cat one | head -n 20",
    "grep -rn 'text = 1' pkg | head -n 20",
    "find . -name '*.py' | wc -l",
    "head -n 5 pkg/1.py pkg/2.py",
    "wc -c pkg/*.py | tail -n 1",
)
"""Commands of an agent that looks around; none changes a file."""
CHANGE = "echo 'text = {number}' >pkg/{number}.py"
"""One that does; `number` is the turn's."""
_TOOK = re.compile(r"took (\d+) us")


def command(number: int, kind: str) -> str:
    """Return the command of a turn, which at its end prints the microseconds that it took itself.

    Bash's own clock needs no further process; the start of bash and all that comes before it count as the
    loop's.
    """
    line = COMMANDS[number % len(COMMANDS)] if kind == "look" else CHANGE.format(number=number)
    return f'began=${{EPOCHREALTIME/[.,]/}}\n{line}\necho "took $((${{EPOCHREALTIME/[.,]/}} - began)) us"'


def reply(number: int, kind: str) -> str:
    """Return the model's reply of a turn."""
    return f"I look at the next place, which is number {number}. \n\n```bash\n{command(number, kind)}\n```\n"


def own_seconds(output: str) -> float:
    """Return the seconds that a command says it took.

    Raises:
        SystemExit: it didn't come to its end.
    """
    found = _TOOK.search(output)
    if found is None:
        raise SystemExit(f"a command went wrong: {output[-300:]!r}")
    return int(found[1]) / 1e6


def overhead(asked: Sequence[float], outputs: Sequence[str]) -> float:
    """Return the milliseconds of the loop per turn, from the second turn to the last but one.

    The first has the start of what is made once; of the last the end isn't seen.

    Args:
        asked: when the model was asked, in seconds, once per turn.
        outputs: what the turns' commands printed.
    """
    own = sum(map(own_seconds, outputs[1 : len(asked) - 1]))
    return 1000 * (asked[-1] - asked[1] - own) / (len(asked) - 2)
