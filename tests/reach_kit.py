"""Checks that are traced in real interpreters, in an opened job in small."""

import os
import subprocess
from collections.abc import Collection
from pathlib import Path

from swe_scale.checks import launching
from swe_scale.reach.tracing import parts, read_lines
from swe_scale.records import Execution, LinesExecuted

LAUNCHER = str(Path(launching.__file__).with_name("launcher.py"))
ENDED = Execution(exit_code=0, output="")


def traced(folder: Path, python: str, check: str, files: dict[str, str]) -> tuple[LinesExecuted, str]:
    """Return what a check executes of a tree, and what it said."""
    tree, place, start = folder / "tree", folder / "traced", folder / "check"
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")
    for one in (place, start):
        one.mkdir()
    for name, data in {**parts(), "root": str(tree).encode(), "check.py": check.encode()}.items():
        (place / name).write_bytes(data)
    (start / "check.py").write_bytes(parts()["sitecustomize.py"])
    ran = subprocess.run(
        [python, "-I", "-S", LAUNCHER, str(start / "check.py")],
        cwd=tree,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        input="nonce 0 digest\n",
        capture_output=True,
        text=True,
        check=False,
    )
    written = place / "executed"
    data = written.read_bytes() if written.exists() else b""
    return read_lines(data, ENDED, files), ran.stdout + ran.stderr


def lines(executed: LinesExecuted, path: str) -> Collection[int]:
    """Return the lines that were executed of a file."""
    return {
        line for first, last in executed.lines.get(path, ()) for line in range(first, last + 1)
    }  # fmt: skip
