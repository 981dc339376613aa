"""How long the command takes to show its help and the package to import, beside mini-swe-agent's help."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Figure, Goal, arguments, compare, in_turn, installed, report

MINI = "mini-swe-agent==2.4.6"

_OURS = Path(sys.executable).parent


def seconds(command: list[str], home: str) -> float:
    """Return the wall-clock seconds of a process, from its start to its end."""
    # mini-swe-agent neither greets, nor asks for its first set-up, nor finds settings of the user's.
    silent = {"MSWEA_SILENT_STARTUP": "1", "MSWEA_CONFIGURED": "true", "MSWEA_GLOBAL_CONFIG_DIR": home}
    started = time.perf_counter()
    done = subprocess.run(
        command,
        env={**os.environ, **silent, "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    took = time.perf_counter() - started
    if "--help" in command and b"Usage:" not in done.stdout:
        raise SystemExit(f"{' '.join(command)} didn't show its help: {done.stderr!r}")
    return took


def measure(repeats: int) -> list[Figure]:
    """Return the figures."""
    mini = installed(MINI)
    commands = {
        "ours": [str(_OURS / "swe-scale"), "--help"],
        "mini": [str(mini / "mini"), "--help"],
        "import": [sys.executable, "-c", "import swe_scale"],
        "bare": [sys.executable, "-c", "pass"],
        "mini bare": [str(mini / "python"), "-c", "pass"],
    }
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        sides = {name: lambda command=command: seconds(command, home) for name, command in commands.items()}
        took = {name: [1000 * one for one in found] for name, found in in_turn(sides, repeats).items()}
    return [
        compare("swe-scale --help beside mini --help", "ms", took["ours"], took["mini"], Goal(most=1.0)),
        compare("import swe_scale beside mini --help", "ms", took["import"], took["mini"], Goal(most=0.2)),
        compare("of these, python -c pass in either environment", "ms", took["bare"], took["mini bare"]),
    ]


if __name__ == "__main__":
    given = arguments("Start-up beside mini-swe-agent's.", repeats=15)
    report(measure(given.repeats), as_json=given.json)
