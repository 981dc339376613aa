"""Rows whose tree lies in an image: it is graded there, as its makers left it, and without its history."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import docker
import pytest
from grading_kit import GOLD, WRONG, GradingDesk, git
from sandbox_kit import IMAGE, without_docker

from swe_scale.config import Docker
from swe_scale.environment import Options
from swe_scale.flags import UNWATCHED
from swe_scale.swebench.instance import Instance

pytestmark = pytest.mark.docker

TESTS = """import unittest
from stats import mean
class T(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(mean([2, 4]), 3)
"""
TEST_PATCH = """diff --git a/tests/test_stats.py b/tests/test_stats.py
--- a/tests/test_stats.py
+++ b/tests/test_stats.py
@@ -4,2 +4,4 @@
     def test_mean(self):
         self.assertEqual(mean([2, 4]), 3)
+    def test_empty(self):
+        self.assertEqual(mean([]), 0.0)
"""
MEND, BREAK = (f"test_{name} (tests.test_stats.T.test_{name})" for name in ("empty", "mean"))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GradingDesk:
    if reason := without_docker():
        pytest.skip(reason)
    made = GradingDesk.make(tmp_path, "local")
    (made.repository / "tests" / "test_stats.py").write_text(TESTS)
    (made.repository / "tests" / "__init__.py").write_text("")
    (made.repository / "run.sh").write_text('python3 -m unittest "$@"\n')
    git(made.repository, "add", "-A")
    git(made.repository, "commit", "-q", "-m", "The fault, tested otherwise")
    made.sandbox = Docker(base_image=IMAGE, as_root=True)
    return made


@pytest.fixture
def image(desk: GradingDesk, tmp_path: Path) -> Iterator[str]:
    """Yield an image with the tree as such images have it: the fix in its history, its runner changed."""
    tree = tmp_path / "testbed"
    subprocess.run(["git", "clone", "-q", str(desk.repository), str(tree)], check=True)
    (tree / "stats.py").write_text((tree / "stats.py").read_text().replace("len(values)\n", "1  # the fix\n"))
    git(tree, "commit", "-q", "-a", "-m", "The fix")
    git(tree, "checkout", "-q", desk.head)
    (tree / "run.sh").write_text('python3 -m unittest -v "$@"\n')
    git(tree, "commit", "-q", "-a", "-m", "What the image's makers changed")
    (tree / "built.txt").write_text("not tracked\n")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(tree, "testbed")
    name = f"swe-scale-test/grading:{token_hex(4)}"
    client = docker.from_env()
    container = client.containers.create(IMAGE, "true")
    try:
        container.put_archive("/", packed.getvalue())
        container.commit(*name.split(":"))
        yield name
    finally:
        container.remove(force=True)
        client.images.remove(name, force=True)
        client.close()


def row(desk: GradingDesk, image: str, command: str) -> Instance:
    script = desk.script(command, TEST_PATCH)
    known = desk.instance(
        eval_script=script, test_patch=TEST_PATCH, log_parser="parse_log_django",
        fail_to_pass=(MEND,), pass_to_pass=(BREAK,),
    )  # fmt: skip
    return replace(known, question=known.question.model_copy(update={"image": image}))


def test_the_tree_is_as_the_image_has_it_and_its_history_is_cut(desk: GradingDesk, image: str) -> None:
    seen = "test -e built.txt && [ $(git rev-list --all | wc -l) = 1 ] && ! grep -rq 'the fix' .git"
    command = f"{seen} && sh run.sh tests.test_stats"
    right, wrong = desk.grades(GOLD, WRONG, instance=row(desk, image, command), options=Options())
    assert (right.official.ruling, right.hardened.ruling) == ("resolved", "resolved"), right
    assert right.hardened.guards == (UNWATCHED,)
    assert wrong.official.failing == (MEND,)


def test_no_such_image(desk: GradingDesk) -> None:
    missing = row(desk, f"localhost:9/no/such:{token_hex(4)}", "true")
    grade = desk.grades(GOLD, instance=missing, options=Options(), retries=0)[0]
    assert grade.official.ruling == "infra" and "no/such" in grade.official.reason
