"""A row like SWE-bench's in small: a fault, the patch that mends it, hidden tests, and who grades."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from own_loop import run_async
from sandbox_kit import configured

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Limits, SandboxConfig
from swe_scale.environment import Options
from swe_scale.events import Events
from swe_scale.grades import Grade, patch_id
from swe_scale.records import Issue
from swe_scale.sandbox import open_backend
from swe_scale.swebench.grading import Grader, Grading
from swe_scale.swebench.instance import Gold, Instance, Question

ID = "own__stats-1"
FILES = {
    "stats.py": "def mean(values):\n    return sum(values) / len(values)\n",
    "tests/test_stats.py": "from stats import mean\n\ndef test_mean():\n    assert mean([2, 4]) == 3\n",
    "setup.py": "from setuptools import setup\nsetup(name='stats', version='1', py_modules=['stats'])\n",
}
TABLE = '[environment]\nworkdir = "/testbed"\npython = "3"\nsetup = ["python -m pip install pytest"]\n'
GOLD = """diff --git a/stats.py b/stats.py
--- a/stats.py
+++ b/stats.py
@@ -1,2 +1,2 @@
 def mean(values):
-    return sum(values) / len(values)
+    return sum(values) / len(values) if values else 0.0
"""
WRONG = GOLD.replace("else 0.0", "else 1.0")
TEST_PATCH = """diff --git a/tests/test_stats.py b/tests/test_stats.py
--- a/tests/test_stats.py
+++ b/tests/test_stats.py
@@ -3,2 +3,5 @@
 def test_mean():
     assert mean([2, 4]) == 3
+
+def test_empty():
+    assert mean([]) == 0.0
"""
SCRIPT = """#!/bin/bash
set -uxo pipefail
source /opt/miniconda3/bin/activate
conda activate testbed
cd /testbed
git config --global --add safe.directory /testbed
cd /testbed
git status
git show
git -c core.fileMode=false diff BASE
export PYTHONPATH=/testbed
git checkout BASE tests/test_stats.py
git apply -v - <<'EOF_114329324912'
TESTS
EOF_114329324912
: '>>>>> Start Test Output'
COMMAND
: '>>>>> End Test Output'
git checkout BASE tests/test_stats.py
"""
PYTEST = "python -m pytest -rA tests/test_stats.py"
MEND, BREAK = "tests/test_stats.py::test_empty", "tests/test_stats.py::test_mean"


def git(folder: Path, *arguments: str) -> str:
    """Return what git says in a folder."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    ran = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, check=True)
    return ran.stdout.decode().strip()


def patched(changes: Mapping[str, str | None], folder: Path) -> str:
    """Return the patch that changes files of a clean work tree so; None deletes, `->` makes a link."""
    for name, text in changes.items():
        path = folder / name
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        elif text.startswith("-> "):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            path.symlink_to(text.removeprefix("-> "))
        else:
            path.write_text(text)
    git(folder, "add", "-A", "-f")
    # Without the last line's end, git would tell another patch.
    made = git(folder, "diff", "--cached", "--binary", "HEAD") + "\n"
    git(folder, "reset", "-q", "--hard", "HEAD")
    return made


@dataclass
class GradingDesk:
    """A repository with a fault, its row, and a place to run its hidden tests in."""

    folder: Path
    sandbox: SandboxConfig

    @classmethod
    def make(cls, folder: Path, kind: str = "bubblewrap") -> "GradingDesk":
        """Return a desk, its repository made."""
        desk = cls(folder, configured(kind))
        for name, text in FILES.items():
            (desk.repository / name).parent.mkdir(parents=True, exist_ok=True)
            (desk.repository / name).write_text(text)
        git(desk.repository, "init", "-q", "-b", "main")
        git(desk.repository, "add", "-A")
        git(desk.repository, "commit", "-q", "-m", "The fault")
        desk.table.write_text(TABLE)
        return desk

    @property
    def repository(self) -> Path:
        """Where it is."""
        return self.folder / "own__stats"

    @property
    def table(self) -> Path:
        """The file that says how its environment is made."""
        return self.folder / "environment.toml"

    @property
    def head(self) -> str:
        """Its base commit."""
        return git(self.repository, "rev-parse", "HEAD")

    def script(self, command: str = PYTEST, tests: str = TEST_PATCH) -> str:
        """Return the row's eval script."""
        return SCRIPT.replace("BASE", self.head).replace("TESTS", tests).replace("COMMAND", command)

    def instance(self, **changes: Any) -> Instance:
        """Return the row."""
        known: dict[str, Any] = {
            "instance": ID, "repo": "own/stats", "base_commit": self.head, "patch": GOLD,
            "test_patch": TEST_PATCH, "fail_to_pass": (MEND,), "pass_to_pass": (BREAK,),
            "eval_script": self.script(), "log_parser": "parse_log_pytest",
        }  # fmt: skip
        gold = Gold.model_validate({**known, **changes})
        issue = Issue(id=ID, repo=str(self.repository), base_commit=gold.base_commit, title="x", body="y")
        return Instance(Question(issue=issue, repo="own/stats"), gold)

    def row(self, **changes: Any) -> dict[str, Any]:
        """Return the row as a dataset has it."""
        gold = self.instance().gold
        return {
            "instance_id": ID, "repo": "own/stats", "base_commit": self.head, "patch": gold.patch,
            "problem_statement": "The mean of nothing\n\nIt fails.", "test_patch": gold.test_patch,
            "FAIL_TO_PASS": list(gold.fail_to_pass), "PASS_TO_PASS": list(gold.pass_to_pass),
            "eval_script": gold.eval_script, "log_parser": gold.log_parser, "version": "1", "image": "",
            **changes,
        }  # fmt: skip

    def patch(self, changes: Mapping[str, str | None]) -> str:
        """Return the patch that changes files so."""
        return patched(changes, self.repository)

    def grades(self, *patches: str, instance: Instance | None = None, **settings: Any) -> list[Grade]:
        """Return the grades of patches, in their order."""
        found: dict[str, Grade] = {}
        told: dict[str, Any] = {
            "limits": Limits(seconds=120.0), "options": Options(environment_file=self.table), **settings,
        }  # fmt: skip

        async def act() -> None:
            async with open_backend(self.sandbox, "grading", Events()) as backend:
                with VerdictCache(self.folder / "cache") as cache:
                    grader = Grader(backend, cache, Events(), anyio.CapacityLimiter(2), Grading(**told))
                    texts = {patch_id(patch): patch for patch in patches}
                    await grader.grade(
                        instance or self.instance(), texts, lambda grade: found.update({grade.patch: grade})
                    )

        run_async(act)
        return [found[patch_id(patch)] for patch in patches]

    def grade(self, patch: str, **settings: Any) -> Grade:
        """Return the grade of one patch."""
        return self.grades(patch, **settings)[0]
