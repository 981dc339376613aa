"""The repository's own tests, run in what was built: counted, bounded, recorded."""

from pathlib import Path

import pytest
from building_kit import RUNNER, work

from swe_scale.building import read_proof
from swe_scale.building.proof import Proof, own_tests
from swe_scale.profiles import WHOLE
from swe_scale.records import Environment

pytestmark = pytest.mark.anyio
SOME = """import unittest
class A(unittest.TestCase):
    def test_good(self): pass
    def test_bad(self): self.fail("as it is")
    @unittest.skip("not here")
    def test_skipped(self): pass
"""
SETTINGS = {"swe-scale.toml": RUNNER + "setup = []\n"}


async def test_it_is_counted_and_kept(tmp_path: Path) -> None:
    async with work(tmp_path, {**SETTINGS, "test_a.py": SOME, "sub/test_b.py": SOME}) as one:
        built = await one.builder.build_proved(one.site, 60)
        proof = built.proof
        assert proof is not None and proof.complete and proof.works and not proof.suspicious
        assert (proof.passed, proof.failed, proof.skipped, proof.errors) == (2, 2, 2, 0)
        assert (proof.files, proof.of) == (2, 2)
        assert proof.failing == ("sub/test_b.py::A::test_bad", "test_a.py::A::test_bad")
        assert await read_proof(built.environment.digest) == proof
        # Proved once.
        assert (await one.builder.build_proved(one.site, 60)).proof == proof
    assert "2 passed, 2 failed, 2 skipped" in proof.in_words


async def test_tests_that_cannot_be_loaded_are_suspicious(tmp_path: Path) -> None:
    async with work(tmp_path, {**SETTINGS, "test_a.py": "import no_such_module_at_all\n"}) as one:
        proof = (await one.builder.build_proved(one.site, 60)).proof
    assert proof is not None and proof.suspicious and not proof.works
    assert "no_such_module_at_all" in proof.output


async def test_no_tests_are_no_fault(tmp_path: Path) -> None:
    async with work(tmp_path, {"a.txt": ""}) as one:
        proof = (await one.builder.build_proved(one.site, 60)).proof
    assert proof is not None and not proof.suspicious and proof.in_words == "no tests of its own are known"


async def test_an_hour_long_suite_is_sampled(tmp_path: Path) -> None:
    slow = "import time, unittest\nclass A(unittest.TestCase):\n    def test_a(self): time.sleep(600)\n"
    quick = {f"test_{number:02}.py": SOME for number in range(8)}
    files = {**quick, **{f"test_slow_{number:02}.py": slow for number in range(40)}}
    async with work(tmp_path, {**SETTINGS, **files}) as one:
        proof = (await one.builder.build_proved(one.site, 2)).proof
    assert proof is not None and not proof.complete and proof.of == 48 and proof.files < 48
    assert proof.seconds < 60 and "a sample" in proof.in_words


async def test_none_is_wanted(tmp_path: Path) -> None:
    async with work(tmp_path, {**SETTINGS, "test_a.py": SOME}) as one:
        assert (await one.builder.build_proved(one.site, 0)).proof is None
        # Nothing was learned that a later one would believe.
        later = (await one.builder.build_proved(one.site, 60)).proof
        assert later is not None and later.passed == 1
        assert (await one.builder.build_proved(one.site, 0)).proof == later


def environment(command: str, **fields: str) -> Environment:
    return Environment.model_validate({"digest": "d", "workdir": "/w", "test_command": command, **fields})


async def test_which_files_a_command_is_given() -> None:
    paths = ("test_a.py", "sub/test_b.py", "sub/deep/test_c.py", "a.test.js", "b.py")
    python = environment("python -m pytest {tests}", profile="python")
    assert own_tests(python, paths) == ("sub/deep/test_c.py", "sub/test_b.py", "test_a.py")
    below = environment("python -m pytest {tests}", profile="python", subdir="sub")
    assert own_tests(below, paths) == ("sub/deep/test_c.py", "sub/test_b.py")
    assert own_tests(Environment(digest="d", workdir="/w"), paths) == ()
    assert own_tests(environment("ctest", profile="native"), paths) in ((WHOLE,), ())


def test_a_proof_of_another_version_is_none() -> None:
    assert Proof(environment="d", command="x", of=3, files=3).suspicious
    assert not Proof(environment="d", command="x", of=3, files=3, skipped=2).suspicious


async def test_one_file_that_breaks_the_runner_does_not_hide_the_others(tmp_path: Path) -> None:
    files = {f"test_{number}.py": SOME for number in range(5)}
    files["test_ends.py"] = "import os\nos._exit(7)\n"
    files["examples/test_beside.py"] = "import no_such_module_at_all\n"
    async with work(tmp_path, {**SETTINGS, **files}) as one:
        proof = (await one.builder.build_proved(one.site, 60)).proof
    assert proof is not None and (proof.passed, proof.of, proof.files) == (5, 6, 6)


async def test_tests_that_stand_beside_the_product_are_run_where_there_are_no_others() -> None:
    python = environment("python -m pytest {tests}", profile="python")
    assert own_tests(python, ("examples/test_a.py", "docs/test_b.py")) == (
        "docs/test_b.py",
        "examples/test_a.py",
    )
    below = environment("python -m pytest {tests}", profile="python", subdir="examples")
    assert own_tests(below, ("examples/test_a.py", "examples/docs/test_b.py")) == ("examples/test_a.py",)
