"""What is known isn't looked at again, and nothing that happens to a process loses what others found."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest
import survey_apart
from context_kit import commit_of, found, issue
from own_loop import run_async

from swe_scale.context.index import Content, Row, open_index
from swe_scale.context.survey import Surveyed

ROOT = Path(__file__).resolve().parents[2]
COUNT = 4_000


def tree(count: int) -> dict[str, bytes]:
    return {f"pkg/part{number}.py": b"def name_%d():\n    return 1\n" % number for number in range(count)}


def surveyed(source: Path, commit: str, kept: str = "kept") -> Surveyed:
    return run_async(survey_apart.surveyed, source, source.with_name(kept), commit)


def rows(source: Path, told: Surveyed, kept: str = "kept") -> dict[Content, Row]:
    with open_index(source.with_name(kept)) as index:
        return index.rows(told.files.values())


def test_what_is_known_is_not_looked_at_again(tmp_path: Path) -> None:
    files, source = tree(20), tmp_path / "source"
    commit = commit_of(source, {**files, "copy.py": files["pkg/part0.py"], "a.bin": b"x"})
    first = surveyed(source, commit)
    assert (len(first.files), first.fresh, first.skipped) == (21, 20, {"data": 1})
    again = surveyed(source, commit)
    assert (again.files, again.fresh) == (first.files, 0)
    changed = commit_of(source, {**files, "pkg/part3.py": b"def changed():\n    return 2\n"})
    assert surveyed(source, changed).fresh == 1
    moved = commit_of(source, {f"other/{path}": data for path, data in files.items()})
    assert surveyed(source, moved).fresh == 0
    renamed = commit_of(source, {"part.rb": files["pkg/part0.py"]})
    assert surveyed(source, renamed).fresh == 1, "it is in another language"


def started(source: Path, kept: Path, commit: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(survey_apart.__file__), str(source), str(kept), commit]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True)


def known(kept: Path) -> int:
    """Return how many contents the index holds by now; 0 where it isn't there yet."""
    for file in kept.glob("context-*.sqlite"):
        with (
            suppress(sqlite3.DatabaseError),
            closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as one,
        ):
            return int(one.execute("SELECT count(*) FROM facts").fetchone()[0])
    return 0


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    # Of each a kilobyte or so, so that they are looked at in several batches.
    body = b"".join(b"def helper_%d(value):\n    return value + 1\n\n" % number for number in range(60))
    source = tmp_path_factory.mktemp("many") / "source"
    return source, commit_of(source, {path: data + body for path, data in tree(COUNT).items()})


def test_two_processes_at_once_end_with_the_whole(many: tuple[Path, str], tmp_path: Path) -> None:
    source, commit = many
    both = [started(source, tmp_path / "kept", commit) for _ in range(2)]
    told = [json.loads(process.communicate()[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [one["files"] for one in told] == [COUNT, COUNT]
    assert known(tmp_path / "kept") == COUNT
    last = run_async(survey_apart.surveyed, source, tmp_path / "kept", commit)
    assert last.fresh == 0


def test_after_a_process_is_killed_the_next_completes_what_it_began(many: tuple[Path, str]) -> None:
    source, commit = many
    kept = source.with_name("source-kept")
    process = started(source, kept, commit)
    while not known(kept) and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = known(kept)
    assert 0 < before < COUNT, "it was killed in the middle"
    told = run_async(survey_apart.surveyed, source, kept, commit)
    assert told.fresh == COUNT - before
    assert known(kept) == COUNT
    afterwards = run_async(survey_apart.ranked, source, commit)
    for file in kept.glob("context-*"):
        file.unlink()
    assert run_async(survey_apart.ranked, source, commit) == afterwards


def workers(parent: int) -> list[int]:
    """Return the workers of a process, which are Python's, as git's are not."""
    asked = ["ps", "-o", "pid=,args=", "--ppid", str(parent)]
    listing = subprocess.run(asked, stdout=subprocess.PIPE, check=False).stdout.decode()
    lines = [line.split(maxsplit=1) for line in listing.splitlines()]
    return [int(number) for number, command in lines if "anyio.to_process" in command]


def test_a_worker_that_is_killed_costs_nothing_but_time(many: tuple[Path, str], tmp_path: Path) -> None:
    source, commit = many
    process = started(source, tmp_path / "kept", commit)
    while not known(tmp_path / "kept") and process.poll() is None:
        time.sleep(0.01)
    killed = workers(process.pid)[:1]
    assert killed
    os.kill(killed[0], signal.SIGKILL)
    told = json.loads(process.communicate()[0])
    assert (process.returncode, told) == (0, {"files": COUNT, "fresh": COUNT})
    last = run_async(survey_apart.surveyed, source, tmp_path / "kept", commit)
    with open_index(tmp_path / "kept") as index:
        kept = index.rows(last.files.values())
        assert len(kept) == COUNT and {row.skipped for row in kept.values()} == {""}
        assert all(row.defined for row in kept.values())


NESTED: Mapping[str, bytes] = {
    "parens": b"(" * 300_000,
    "members": b"a" + b".b" * 200_000,
    "brackets": b"[" * 300_000,
    "parens in lines": b"(\n" * 150_000,
    "members in lines": b"a" + b"\n.b" * 100_000,
    "calls in lines": b"a(\n" * 100_000,
    "brackets in lines": b"[\n" * 150_000,
    "blocks": b"".join(b" " * min(depth, 150) + b"if x:\n" for depth in range(5_000)),
    "definitions in lines": b"function f() {\n" * 20_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("suffix", ["py", "js"])
def test_deep_nesting_ends_at_once_and_others_are_found(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "source"
    hostile = {f"deep/{number}.{suffix}": data for number, data in enumerate(NESTED.values())}
    commit = commit_of(source, {**hostile, **tree(9)})
    told = surveyed(source, commit)
    kept = rows(source, told)
    assert len(kept) == len(hostile) + 9
    assert all(kept[told.files[path]].defined for path in tree(9))
    assert {row.skipped for row in kept.values()} <= {"", "minified"}
    context = run_async(found, issue("`name_3` fails"), source, commit, 2_000)
    assert context.files[0].path == "pkg/part3.py"


@pytest.mark.timeout(60)
def test_all_of_twenty_thousand_definitions_are_kept(tmp_path: Path) -> None:
    text = b"".join(b"def name_%d(): pass\n" % number for number in range(20_000))
    source = tmp_path / "source"
    told = surveyed(source, commit_of(source, {"large.py": text, "small.py": b"def small(): pass\n"}))
    with open_index(tmp_path / "kept") as index:
        outline = index.outline(told.files["large.py"])
    assert len(outline) == 20_000
    assert (outline[-1].name, outline[-1].first) == ("name_19999", 20_000)
