"""Tests that somebody else wrote, run as checks in a real sandbox."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from solving_kit import RIGHT, SOURCE, open_desk, spoken

from swe_scale.adopted import adopted, brought
from swe_scale.given import Given, GivenPatch
from swe_scale.records import BASE, Check, File

pytestmark = pytest.mark.anyio
TEST = b"""import unittest

from stats import mean


class Mean(unittest.TestCase):
    def test_two(self):
        self.assertEqual(mean([1, 2]), 1.5)
"""
FILES = {
    "stats.py": SOURCE.encode(),
    "tests/test_stats.py": TEST,
    "swe-scale.toml": b'[environment]\nsetup = []\ntest = "python3 -m unittest {tests}"\n',
}
WANTED = """diff --git a/tests/test_stats.py b/tests/test_stats.py
--- a/tests/test_stats.py
+++ b/tests/test_stats.py
@@ -6,3 +6,6 @@
 class Mean(unittest.TestCase):
     def test_two(self):
         self.assertEqual(mean([1, 2]), 1.5)
+
+    def test_none(self):
+        self.assertEqual(mean([]), 0.0)
"""
FIXED = SOURCE.replace("    return sum(values) / len(values)", RIGHT)
SAYS = "import os\nprint('Ran 2 tests in 0.1s', flush=True)\nprint('OK', flush=True)\nos._exit(0)\n"
ENDS = "import os\nos._exit(0)\n"
REWRITES = TEST.replace(b"1.5)", b"1.5)\n\n    def test_none(self):\n        pass")


async def outcomes(folder: Path, candidates: Mapping[str, dict[str, bytes]]) -> Mapping[str, str]:
    """Return what the check that is made of the tests says of the untouched code and of each candidate."""
    async with open_desk(folder, spoken([]), files=FILES) as desk:
        cells, trees = desk.setting.cells, desk.trees
        (check,) = await adopted([WANTED, WANTED], cells, trees)
        assert (check.author, check.foreign, check.kind) == (None, True, "reproduction")
        found = {BASE: (await cells.verdict(check, BASE)).outcome}
        for name, files in candidates.items():
            changes = {path: File(mode="100644", data=data) for path, data in files.items()}
            tree = await trees.write(trees.base, changes)
            found[name] = (await cells.verdict(check, tree)).outcome
        return found


async def test_a_patch_that_adds_tests_tells_right_from_wrong_and_is_not_fooled(tmp_path: Path) -> None:
    said = await outcomes(
        tmp_path,
        {
            "right": {"stats.py": FIXED.encode()},
            "right, with tests of its own": {
                "stats.py": FIXED.encode(),
                "tests/test_stats.py": b"import x\n",
            },
            "wrong": {"stats.py": SOURCE.replace("len(values)", "1").encode()},
            "ends the process": {"stats.py": ENDS.encode() + SOURCE.encode()},
            "says that tests ran": {"stats.py": SAYS.encode() + SOURCE.encode()},
            "rewrites the test": {"tests/test_stats.py": REWRITES},
            "steers the runner": {"unittest.py": b"import os\nprint('Ran 2 tests')\nos._exit(0)\n"},
        },
    )
    right = {name for name, outcome in said.items() if outcome == "pass"}
    assert right == {"right", "right, with tests of its own"} and said[BASE] == "fail"


async def test_what_can_be_no_check_is_said(tmp_path: Path) -> None:
    product = WANTED.replace("tests/test_stats.py", "stats.py")
    no_test = "--- /dev/null\n+++ b/tests/data.txt\n@@ -0,0 +1 @@\n+x\n"
    long = "--- /dev/null\n+++ b/tests/test_long.py\n@@ -0,0 +1 @@\n+# " + "".join(
        chr(33 + number * number % 89) + str(number) for number in range(40_000)
    ) + "\n"  # fmt: skip
    async with open_desk(tmp_path, spoken([]), files=FILES) as desk:
        found = await adopted([product, no_test, long], desk.setting.cells, desk.trees)
        notes = [one for one in desk.texts("note") if "says nothing" in one]
        assert found == () and len(notes) == 3
        assert "doesn't apply" in notes[0] and "changes no test" in notes[1] and "100,000 bytes" in notes[2]


async def test_without_a_test_command_there_is_none(tmp_path: Path) -> None:
    files = {**FILES, "swe-scale.toml": b"[environment]\nsetup = []\n"}
    async with open_desk(tmp_path, spoken([]), files=files) as desk:
        assert await adopted([WANTED], desk.setting.cells, desk.trees) == ()
        assert "no test command" in desk.texts("note")[-1]


async def test_what_is_given_is_there_afterwards_in_the_order_of_its_contents(tmp_path: Path) -> None:
    one, two = (Check.of(f"exit {code}\n", "reproduction", language="sh") for code in (0, 42))
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    async with open_desk(tmp_path / "first", spoken([]), files=FILES) as desk:
        tree = await desk.trees.write(desk.trees.base, {"stats.py": File(mode="100644", data=FIXED.encode())})
        patch = await desk.trees.patch(tree)
    given = Given(
        patches=(GivenPatch(tree=tree, patch=patch, sources=2),), checks=(one, two), tests=(WANTED,)
    )
    async with open_desk(tmp_path / "second", spoken([]), files=FILES) as desk:
        there = await brought(given, desk.setting.cells, desk.trees, 4)
        assert [made.index for made in there.sources] == [4, 5]
        assert "stats.py" in await desk.trees.changes(tree), "the store is another one"
        ids = [check.id for check in there.checks]
        assert len(ids) == 3 and ids == sorted(ids)
