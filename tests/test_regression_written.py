"""What a run does to the tests themselves, and how its portions are judged, in pure reports and real runs."""

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from swe_scale.config import Limits, Local
from swe_scale.errors import TooLarge
from swe_scale.events import Events
from swe_scale.flags import CRASHED, TAMPERED, UNWATCHED
from swe_scale.profiles.reading_go import read as read_go
from swe_scale.records import Changes, Execution, File, Verdict
from swe_scale.regression import Report, Suite
from swe_scale.regression.comparing import bent, joined, stable
from swe_scale.regression.sampling import one_per_folder
from swe_scale.regression.written import Written, differing, written
from swe_scale.sandbox import Recipe, Sandbox, Template, open_backend

pytestmark = pytest.mark.anyio
BASE = frozenset((
    "stats.py", "tests/test_a.py", "tests/tools.py", "tests/data/expected.json", "conftest.py",
    "pyproject.toml", "pkg/thing_test.go",
))  # fmt: skip
TEXT = File(mode="100644", data=b"x")


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("tests/test_a.py", True),
        ("tests/tools.py", True),
        ("tests/data/expected.json", True),
        ("conftest.py", True),
        ("pyproject.toml", True),
        ("pkg/thing_test.go", True),
        ("tests/conftest.py", True),
        ("bend.egg-info/entry_points.txt", True),
        ("pytest.py", True),
        ("tests/setup.cfg", True),
        ("stats.py", False),
        ("tests/__snapshots__/a.snap", False),
        ("tests/out/result.png", False),
        ("tests/test_generated.py", False),
        ("made/somewhere/setup.cfg", False),
        ("target/debug/test", False),
        ("node_modules/.cache/babel/a.json", False),
        (".hypothesis/examples/a", False),
    ],
)
def test_what_decides_what_tests_say_is_told_from_what_they_may_write(path: str, counts: bool) -> None:
    assert differing({path: TEXT}, {}, BASE).paths == ((path,) if counts else ())
    assert differing({path: TEXT}, {path: TEXT}, BASE).paths == ()
    if path in BASE:
        assert differing({path: None}, {}, BASE).paths == ((path,) if counts else ())


RAN = Execution(exit_code=0, output="")


def report(*paths: str, unseen: bool = False) -> Report:
    return Report(outcomes={}, execution=RAN, complete=True, written=Written(paths=paths, unseen=unseen))


def test_what_the_untouched_code_writes_too_does_not_count() -> None:
    assert not bent(report("a"), report("a"))
    assert bent(report("a"), report("a", "b"))
    assert bent(report("a"), report(unseen=True))
    assert not bent(report(unseen=True), report("a"))
    assert stable(report("a"), report("b")).written.paths == ("a", "b")
    assert joined([report("a"), report(unseen=True)]).written == Written(paths=("a",), unseen=True)


class Full:
    """A sandbox in which more was written than can be compared."""

    async def snapshot(self) -> Changes:
        raise TooLarge("too much")


async def test_too_much_to_compare_is_no_failure_of_the_backend() -> None:
    full: Sandbox = Full()  # type: ignore[assignment]
    assert await written(full, {}, BASE) == Written(unseen=True)


COMMAND = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest {{tests}}"
PRODUCT = "def add(a, b):\n    return a + b\n"
FILES = {
    "calc.py": PRODUCT,
    "slow.py": "def wait(): pass\n",
    "tests/test_a.py": "import calc\ndef test_add():\n    assert calc.add(1, 1) == 2\n",
    "tests/test_b.py": "import slow\ndef test_wait():\n    slow.wait()\n",
}
TESTS = ("tests/test_a.py", "tests/test_b.py")


@dataclass
class Counting:
    """A template that counts its forks."""

    inner: Template
    forks: int = 0

    def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AbstractAsyncContextManager[Sandbox]:
        self.forks += 1
        return self.inner.fork(limits, socket)


@asynccontextmanager
async def suite(folder: Path, seconds: float = 60.0) -> AsyncIterator[tuple[Suite, Counting]]:
    for path, text in FILES.items():
        (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / path).write_text(text)
    async with open_backend(Local(python=sys.executable), "test", Events()) as backend:
        environment = await backend.build(Recipe(), folder / "tree", "0123456789abcdef")
        async with backend.open(environment) as template:
            counting = Counting(template)
            limits, taken = Limits(seconds=seconds), dict.fromkeys(TESTS, 25.0)
            yield Suite(counting, COMMAND, frozenset(FILES), TESTS, limits, taken), counting


BEFORE = Report(
    outcomes={"tests/test_a.py::test_add": "passed", "tests/test_b.py::test_wait": "passed"},
    execution=RAN,
    complete=True,
    watch="kept",
)


async def judged(chosen: Suite, before: Report = BEFORE, **texts: str) -> tuple[Verdict, ...]:
    changes = {f"{name}.py": File(mode="100644", data=text.encode()) for name, text in texts.items()}
    return await chosen.verdicts("c1", changes, before)


HANGS = "def wait():\n    __import__('time').sleep(600)\n"


async def test_a_flaky_failure_is_run_again_though_another_portion_timed_out(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    once = (
        f"import pathlib\nmark = pathlib.Path({str(mark)!r})\n"
        "def add(a, b):\n    first = not mark.exists()\n    mark.touch()\n    return a + b + first\n"
    )
    async with suite(tmp_path, seconds=8.0) as (chosen, counting):
        first, second = await judged(chosen, calc=once, slow=HANGS)
        assert (first.outcome, first.broken) == ("pass", ())
        assert (second.outcome, second.broken) == ("timeout", ("tests/test_b.py::test_wait",))
        assert counting.forks == 2


async def test_a_crash_is_one_though_another_portion_timed_out(tmp_path: Path) -> None:
    async with suite(tmp_path, seconds=8.0) as (chosen, _):
        first, second = await judged(chosen, calc="import os; os._exit(3)\n", slow=HANGS)
        assert (first.outcome, first.flags) == ("fail", (CRASHED,))
        assert (second.outcome, second.flags) == ("timeout", ())


async def test_what_only_timed_out_is_not_run_again(tmp_path: Path) -> None:
    async with suite(tmp_path, seconds=8.0) as (chosen, counting):
        assert [one.outcome for one in await judged(chosen, slow=HANGS)] == ["pass", "timeout"]
        assert counting.forks == 1


async def test_a_changed_test_counts_unless_the_untouched_code_changes_it_as_well(tmp_path: Path) -> None:
    rewrites = PRODUCT + "open('tests/test_b.py', 'a').write('# seen')\n"
    async with suite(tmp_path) as (chosen, _):
        told = await judged(chosen, calc=rewrites)
        assert {(one.outcome, one.flags) for one in told} == {("error", (TAMPERED,))}
        known = BEFORE.model_copy(update={"written": Written(paths=("tests/test_b.py",))})
        assert {(one.outcome, one.flags) for one in await judged(chosen, known, calc=rewrites)} == {
            ("pass", ())
        }
        unseen = BEFORE.model_copy(update={"written": Written(unseen=True)})
        told = await judged(chosen, unseen, calc=rewrites)
        assert {(one.outcome, one.flags) for one in told} == {("pass", (UNWATCHED,))}


def test_a_package_is_run_by_one_of_its_files_and_nothing_in_it_is_flaky() -> None:
    order = ["p/b_test.go", "p/a_test.go", "q/c_test.go"]
    assert one_per_folder(order) == ("p/b_test.go", "q/c_test.go")
    events = (
        b'{"Action":"pass","Package":"m/p","Test":"TestA"}\n{"Action":"pass","Package":"m/p","Test":"TestB"}\n'
        b'{"Action":"pass","Package":"m/p"}\n'
    )
    other = events.replace(b"m/p", b"m/q")

    def run(data: bytes, *files: str) -> Report:
        read = read_go(data, files)
        assert read is not None
        return Report(outcomes=read[0], execution=RAN, complete=read[1])

    alone = [run(events, "p/b_test.go"), run(other, "q/c_test.go")]
    assert stable(joined(alone), run(events + other, *one_per_folder(order))).flaky == ()
    every = [run(events, path) for path in order[:2]]
    assert stable(joined(every), run(events, *order[:2])).flaky
