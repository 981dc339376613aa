"""What only seems to show an issue is refused, and what others have broken isn't held against a test."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from solving_kit import FILES, RIGHT, Desk, Spoken, edit, open_desk

from swe_scale.profiles import TestOutcome
from swe_scale.records import Candidate, Changes, Execution, File, Reproduction, Sampling
from swe_scale.regression.running import Report
from swe_scale.reproduction import Showing, Wanted, Writer, reproduced
from swe_scale.reproduction.showing import Runs, shown

Outcomes = Mapping[str, TestOutcome]
TESTS = "tests/test_stats.py"
LAST = "    assert mean([1, 2]) == 1.5"
THERE = f"from stats import mean\n\n\ndef test_of_two():\n{LAST}\n"
NOTHING = "def test_of_nothing():\n    assert mean([]) == 0.0"
GOOD = edit(f"{LAST}\n\n\n{NOTHING}", LAST, TESTS)
TOLD = f"{TESTS}::test_of_nothing"
FIXED = FILES["stats.py"].decode().replace("    return sum(values) / len(values)", RIGHT)


def project(test: str, **files: str) -> dict[str, bytes]:
    settings = f"[environment]\nsetup = []\ntest = '{test}'\n"
    own = {path: text.encode() for path, text in files.items()}
    return {**FILES, "swe-scale.toml": settings.encode(), **own}


PYTEST = project(f"{sys.executable} -m pytest -q", **{TESTS: THERE, "conftest.py": ""})


def changes(files: Mapping[str, str | None]) -> Changes:
    return {
        path: None if text is None else File(mode="100644", data=text.encode())
        for path, text in files.items()
    }


async def written(
    folder: Path, *replies: str, files: Mapping[str, bytes] = PYTEST, patch: Mapping[str, str | None]
) -> tuple[Reproduction, Desk]:
    texts = {f"test/turn/{number:02}": text for number, text in enumerate(replies, start=1)}
    async with open_desk(folder, Spoken(texts), files=files) as desk:
        tree = await desk.trees.write(desk.trees.base, changes({"stats.py": FIXED} | dict(patch)))
        proposed = Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(1,))
        setting = replace(desk.setting, turns=max(1, len(replies)))
        writer = Writer(setting, Sampling(), Showing(setting.cells, setting.trees, 60.0))
        found, lost = await reproduced(writer, Wanted(proposed, None))
        assert not lost or not replies
        return found, desk


def told(desk: Desk) -> str:
    return desk.model.requests[-1].messages[-1].content


@pytest.mark.anyio
@pytest.mark.parametrize(
    "new",
    [
        '@pytest.mark.skipif(not stats.KNOWN, reason="")\ndef test_new():\n    assert mean([]) == 0.0',
        "@pytest.mark.xfail\ndef test_new():\n    assert mean([]) == 0.0",
        '@pytest.mark.parametrize("a", [a for a in dir(stats) if a.isupper()])\ndef test_new(a):\n    pass',
        'pytest.importorskip("added")\n\n\ndef test_new():\n    pass',
    ],
    ids=["skipped", "expected to fail", "not there", "file skipped"],
)
async def test_what_never_fails_shows_nothing(tmp_path: Path, new: str) -> None:
    head = "import pytest\nimport stats\nfrom stats import mean\n\n\n"
    reply = f'<create path="tests/test_new.py">\n{head}{new}\n</create>\n'
    files = PYTEST | {"stats.py": b"KNOWN = False\n" + PYTEST["stats.py"]}
    patch = {"stats.py": f"NEW = KNOWN = True\n{FIXED}", "added.py": ""}
    found, desk = await written(tmp_path, reply, GOOD, files=files, patch=patch)
    assert found.replies == 2 and found.tests == (TOLD,)
    assert "No test fails without the change" in told(desk)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path", ["tests/stats.test.js", "tests/test_$(x).py", "tests/conftest.py", "sub_test.go"]
)
async def test_what_the_runner_is_not_given_joins_nothing(tmp_path: Path, path: str) -> None:
    beside = f'<create path="{path}">\nnobody runs this\n</create>\n'
    found, desk = await written(tmp_path, f"{GOOD}{beside}", GOOD, patch={})
    assert found.replies == 2 and found.tests == (TOLD,)
    assert f"{path} is no test file that the project's runner can be given" in told(desk)
    assert path not in (found.patch or "")


@pytest.mark.anyio
async def test_what_lies_outside_the_projects_folder_joins_nothing(tmp_path: Path) -> None:
    inside = {f"app/{path}": data for path, data in PYTEST.items() if path.endswith(".py")}
    settings = PYTEST["swe-scale.toml"] + b'subdir = "app"\n'
    files = {**inside, TESTS: THERE.encode(), "swe-scale.toml": settings}
    good = GOOD.replace(TESTS, f"app/{TESTS}")
    patch = {"app/stats.py": FIXED}
    found, desk = await written(tmp_path, f"{good}{GOOD}", good, files=files, patch=patch)
    assert found.replies == 2 and found.tests == (f"app/{TOLD}",)
    assert f"{TESTS} is no test file that the project's runner can be given" in told(desk)
    assert f"`app/{TESTS}`" in desk.model.requests[0].messages[-1].content
    assert f"`{TESTS}`" not in desk.model.requests[0].messages[-1].content


@pytest.mark.anyio
@pytest.mark.parametrize(
    "own",
    [
        THERE.replace("of_two", "of_a_few"),
        f"{THERE}\n\ndef test_wrong():\n    assert mean([]) == 1\n",
        f"{THERE}\n\ndef test_late():\n    import missing\n",
    ],
    ids=["renamed", "wrong", "not to be run"],
)
async def test_what_a_patch_does_to_tests_is_not_held_against_who_adds_one(tmp_path: Path, own: str) -> None:
    found, _ = await written(tmp_path, GOOD, patch={TESTS: own})
    assert found.tests == (TOLD,) and found.replies == 1


@pytest.mark.anyio
async def test_what_steers_the_runner_tells_nothing(tmp_path: Path) -> None:
    steering = "import stats\n\nstats.mean = lambda values: sum(values) / max(1, len(values))\n"
    patch = {"stats.py": f"{FILES['stats.py'].decode()}\n# Nothing is mended.\n", "conftest.py": steering}
    found, desk = await written(tmp_path, GOOD, "<done/>\n", patch=patch)
    assert found.patch is None and "No test fails without the change" in told(desk)


HARNESS = """#!/usr/bin/env python3
import pathlib, stats, sys
SUM = "test result: {}. {} passed; {} failed; 0 ignored; 0 measured"
wrong = 0
for path in sorted(pathlib.Path("tests").glob("*.rs")):
    tests = [line.partition(": ") for line in path.read_text().splitlines()]
    ends = []
    for name, _, line in tests:
        try:
            ends.append("ok" if eval(line) else "FAILED")
        except Exception:
            ends.append("FAILED")
    print(f"     Running {path} (target/debug/deps/{path.stem}-0123456789abcdef)")
    print(f"running {len(tests)} tests")
    for (name, _, _), end in zip(tests, ends):
        print(f"test {name} ... {end}")
    bad = ends.count("FAILED")
    print(SUM.format("FAILED" if bad else "ok", len(ends) - bad, bad))
    wrong += bad
sys.exit(101 if wrong else 0)
"""


@pytest.mark.anyio
async def test_where_the_whole_suite_runs_what_fails_elsewhere_is_known(tmp_path: Path) -> None:
    suite = {"tests/old.rs": "good: True\nbad: False\n", "harness.py": HARNESS}
    files = project(f"{sys.executable} harness.py cargo test", **suite)
    reply = '<create path="tests/new.rs">\nof_nothing: stats.mean([]) == 0.0\n</create>\n'
    found, _ = await written(tmp_path, reply, files=files, patch={})
    assert found.tests == ("tests/new.rs::of_nothing",) and found.replies == 1


UNITTEST = """import sys
import unittest

sys.path.insert(0, ".")
from stats import mean


class Mean(unittest.TestCase):
    def test_of_two(self):
        self.assertEqual(mean([1, 2]), 1.5)


if __name__ == "__main__":
    unittest.main()
"""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("command", "name"), [("-m unittest", f"{TESTS}::Mean::test_of_nothing"), ("", TESTS)]
)
async def test_other_ways_to_run_tests(tmp_path: Path, command: str, name: str) -> None:
    files = project(f"{sys.executable} {command}".strip(), **{TESTS: UNITTEST})
    line = "        self.assertEqual(mean([1, 2]), 1.5)"
    new = f"{line}\n\n    def test_of_nothing(self):\n        self.assertEqual(mean([]), 0.0)"
    found, _ = await written(tmp_path, edit(new, line, TESTS), files=files, patch={})
    assert found.tests == (name,) and found.replies == 1


def report(outcomes: Outcomes, *, complete: bool = True, broken: bool = False) -> Report:
    bad = not set(outcomes.values()) <= {"passed", "skipped"}
    ran = Execution(exit_code=int(bad), output="")
    return Report(outcomes=outcomes, execution=ran, complete=complete, watch="broken" if broken else "off")


@pytest.mark.parametrize(
    "first", [report({"a": "passed"}, complete=False), report({"a": "passed"}, broken=True)]
)
def test_a_run_that_is_cut_off_or_lies_tells_nothing(first: Report) -> None:
    bad = report({"a": "failed"})
    assert (
        "doesn't come to its own end"
        in shown(Runs([first, report({"a": "passed"})], [bad, bad], {}, {})).fault
    )


def test_what_is_flaky_in_another_file_is_not_held_against_a_test() -> None:
    passing: Outcomes = {"old::b": "passed"}
    failing: Outcomes = {"old::b": "failed"}
    good: list[Outcomes] = [{"new::a": "passed", **one} for one in (failing, passing)]
    bad: list[Outcomes] = [{"new::a": "failed", **one} for one in (failing, passing)]
    unpatched = [report(one) for one in bad]
    runs = Runs([report(one) for one in good], unpatched, passing, passing, ("new",))
    assert shown(runs).tests == ("new::a",)
    lost = Runs([report(good[0])] * 2, unpatched, passing, passing, ("new",))
    assert "old::b" in shown(lost).fault


@pytest.mark.anyio
async def test_a_test_that_becomes_a_folder_takes_nothing_along(tmp_path: Path) -> None:
    files = PYTEST | {"test_old.py": b"def test_old():\n    pass\n"}
    patch = {"test_old.py": None, "test_old.py/part.py": "x = 1\n"}
    found, _ = await written(tmp_path, GOOD, files=files, patch=patch)
    assert found.tests == (TOLD,)
