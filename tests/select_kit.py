"""Patches and checks for the issue of `main_job`, for tests of `swe-scale select`."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from main_job import ALSO_RIGHT, RIGHT, SOURCE, WRONG, Desk, script

OLD = "    return sum(values) / len(values)"
WORSE = "    return 0.0"
TESTS = """diff --git a/tests/test_stats.py b/tests/test_stats.py
--- a/tests/test_stats.py
+++ b/tests/test_stats.py
@@ -7,3 +7,6 @@
 class Mean(unittest.TestCase):
     def test_of_two(self):
         self.assertEqual(mean([1, 2]), 1.5)
+
+    def test_of_none(self):
+        self.assertEqual((mean([]), mean([4])), (0.0, 4))
"""
FOREIGN = """from stats import mean

try:
    ok = (mean([]), mean([4])) == (0.0, 4)
except ZeroDivisionError:
    ok = False
raise SystemExit(not ok)
"""


def patch(new: str) -> str:
    """Return a diff that puts other lines in the place of the one that matters."""
    lines = new.split("\n")
    head = (
        f"diff --git a/stats.py b/stats.py\n--- a/stats.py\n+++ b/stats.py\n@@ -1,2 +1,{len(lines) + 1} @@\n"
    )
    return f"{head} {SOURCE.splitlines()[0]}\n-{OLD}\n" + "".join(f"+{line}\n" for line in lines)


def prediction(text: str, instance: str = "issue", maker: str = "somebody") -> str:
    """Return a line of predictions."""
    return json.dumps({"instance_id": instance, "model_name_or_path": maker, "model_patch": text}) + "\n"


def lay_out(desk: Desk) -> None:
    """Put patches and checks into the desk's folder: right, also, wrong and worse; check, foreign, tests."""
    bodies = {"right": RIGHT, "also": ALSO_RIGHT, "wrong": WRONG, "worse": WORSE}
    for name, body in bodies.items():
        (desk.folder / f"{name}.diff").write_text(patch(body))
    (desk.folder / "check.py").write_text(script())
    (desk.folder / "foreign.py").write_text(FOREIGN)
    (desk.folder / "tests.patch").write_text(TESTS)


def arguments(desk: Desk, candidates: Sequence[str | Path], *options: str) -> list[str]:
    """Return the arguments of a selection in the local sandbox, as JSON."""
    place = ("--repo", str(desk.repository), "--sandbox", "local", "--json")
    return ["select", str(desk.issue), "--candidates", *map(str, candidates), *place, *options]


def chosen(desk: Desk, candidates: Sequence[str | Path], *options: str) -> subprocess.CompletedProcess[str]:
    """Run it."""
    return desk.run(*arguments(desk, candidates, *options))
