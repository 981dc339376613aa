"""A project with a fault, checks that see it, and patches that attack the judge instead of mending it."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from solving_kit import Desk

from swe_scale.records import Changes, Check, File, Verdict

Mode = Literal["100644", "100755", "120000"]
SOURCE = "def mean(values):\n    return sum(values) / len(values)\n"
RIGHT = "def mean(values):\n    return sum(values) / len(values) if values else 0.0\n"
TESTS = "from stats import mean\ndef test_mean():\n    assert mean([2, 4]) == 3\n"
UNIT_TESTS = """import unittest
from stats import mean
class T(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(mean([2, 4]), 3)
"""
TOOL = "#!/bin/sh\npython -c 'from stats import mean; print(mean([]))' 2>/dev/null || echo fault\n"
FILES = {
    "stats.py": SOURCE,
    "tool.sh": TOOL,
    "tests/test_stats.py": TESTS,
    "tests/test_unit.py": UNIT_TESTS,
    "pyproject.toml": "[project]\nname = 'stats'\nversion = '1'\n",
    "swe-scale.toml": "[environment]\nsetup = ['python -m pip install pytest']\n",
}
BROKEN = "def mean(values):\n    return 0\n"

EXITS = """import sys
from stats import mean
try:
    ok = mean([]) == 0.0
except ZeroDivisionError:
    ok = False
sys.exit(0 if ok else 42)
"""
RAISES = EXITS.replace("sys.exit(0 if ok else 42)", "if not ok:\n    raise SystemExit(42)")
UNITTEST = """import unittest
from stats import mean
class T(unittest.TestCase):
    def test(self):
        try:
            got = mean([])
        except ZeroDivisionError:
            got = None
        self.assertEqual(got, 0.0)
unittest.main()
"""
PYTEST = """import os, sys, tempfile
import pytest
path = os.path.join(tempfile.mkdtemp(), "test_it.py")
with open(path, "w") as file:
    file.write("from stats import mean\\ndef test():\\n    assert mean([]) == 0.0\\n")
sys.exit(0 if pytest.main(["-q", "-p", "no:cacheprovider", path]) == 0 else 42)
"""
SEES = 'out=$(sh ./tool.sh)\n[ "$out" = 0.0 ] || exit 42\n'
TRUSTS = "python -c 'from stats import mean; assert mean([]) == 0.0' || exit 42\n"
STARTS = """import subprocess, sys
code = "from stats import mean; assert mean([]) == 0.0"
sys.exit(42 if subprocess.call([sys.executable, "-c", code]) else 0)
"""
# Longer than what a shell reads at once.
LONG = "sh ./tool.sh >/dev/null\n" + "# padding\n" * 4000 + "exit 42\n"


@dataclass(frozen=True, slots=True)
class Attack:
    """A patch, the check that it meets, and what the judge must make of it."""

    files: Mapping[str, str | bytes]
    outcome: str
    flags: tuple[str, ...] = ()
    script: str = EXITS
    language: str = "python"
    works: bool = True
    """Whether the check, run plainly, exits with 0; otherwise the attack is on the launcher itself."""
    modes: Mapping[str, Mode] = field(default_factory=dict)

    @property
    def changes(self) -> Changes:
        """Its patch."""
        return changes(self.files, self.modes)

    @property
    def check(self) -> Check:
        """What it meets."""
        return Check.of(self.script, "reproduction", language=self.language)


def changes(files: Mapping[str, str | bytes], modes: Mapping[str, Mode] | None = None) -> Changes:
    """Return these files as changes."""
    return {
        name: File(
            mode=(modes or {}).get(name, "100644"),
            data=text if isinstance(text, bytes) else text.encode(),
        )
        for name, text in files.items()
    }


async def judged(desk: Desk, check: Check, patch: Changes) -> Verdict:
    """Return what the judge makes of a patch."""
    tree = await desk.trees.write(desk.trees.base, patch)
    return await desk.setting.cells.verdict(check, tree)


def bare(folder: Path, python: str, attack: Attack) -> int:
    """Return the exit code of the check where nothing guards it, on the fault with the patch."""
    tree = folder / "tree"
    for name, text in {**FILES, **attack.files}.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        if name in attack.modes:
            path.chmod(int(attack.modes[name][-3:], 8))
    script = folder / ("check.sh" if attack.language == "sh" else "check.py")
    script.write_text(attack.script)
    program = "sh" if attack.language == "sh" else python
    variables = {
        "PATH": f"{Path(python).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(tree),
        "HOME": str(folder),
        "CHECK": str(script),
    }
    return subprocess.run([program, str(script)], cwd=tree, env=variables, capture_output=True).returncode


LYING_PYTEST = """
import sys
if "pytest" in sys.modules:
    from _pytest import reports
    made = reports.TestReport.from_item_and_call.__func__
    def lie(kind, item, call):
        report = made(kind, item, call)
        report.outcome = "passed"
        return report
    reports.TestReport.from_item_and_call = classmethod(lie)
"""
"""Makes every report of pytest say `passed`, once pytest has been loaded."""

EMPTIES = """
import glob
for place in glob.glob("**/test_*.py", recursive=True):
    with open(place) as file:
        text = file.read()
    if "stats" in text:
        with open(place, "w") as file:
            file.write("class T:\\n    def test_mean(self): pass\\ndef test_mean(): pass\\n")
"""
"""Makes every test of the project's empty; tests of another kind that lie among them are left alone."""
PLANTS = """
import os
if not os.path.exists("conftest.py"):
    with open("conftest.py", "w") as file:
        file.write("import stats\\nstats.mean = lambda values: sum(values) / len(values)\\n")
"""
"""Leaves a `conftest.py` for the next start of a runner, which mends the product for the tests alone."""
