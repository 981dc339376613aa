"""An export is whole or not there, is what its page says, and reads back as what it was made from."""

import json
import re
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runs_kit import issue, recorded_run, replace_solution

from swe_scale.analysis.exporting import TABLES, Format, export_run, read_export
from swe_scale.analysis.exporting.texts import MARK, decoded, encoded
from swe_scale.analysis.runs import open_run
from swe_scale.errors import StoreError, UsageError
from swe_scale.grades import FILE, Grade, patch_id
from swe_scale.records import (
    Candidate,
    Check,
    Decision,
    Issue,
    Record,
    Solution,
    Trajectory,
    Turn,
    Usage,
    Verdict,
)

ROOT = Path(__file__).resolve().parent.parent
ODD = "--- a/x\n+++ b/x\n-caf\udce9\n+café\u0000 \U0001f600\n"


def exported(folder: Path, to: Path, form: Format = "jsonl") -> list[Solution]:
    """Export a run; return its solutions."""
    with open_run(folder) as run:
        export_run(run, to, form)
        return list(run.solutions())


def rows(to: Path, table: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (to / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()]


def with_odd_texts(folder: Path) -> Path:
    """Put halves of surrogate pairs, and a text that looks like an encoded one, into the first solution."""

    def made_odd(one: Solution) -> Solution:
        first = one.trajectories[0]
        turn = first.turns[0].model_copy(update={"patch": ODD, "note": f"{MARK}no", "check": one.checks[0]})
        completion = turn.completion.model_copy(update={"logprobs": (-0.5, float("-inf")), "text": ODD})
        turn = turn.model_copy(update={"completion": completion})
        odd = first.model_copy(update={"patch": ODD, "turns": (turn, *first.turns[1:])})
        more = {"turn_verdicts": one.verdicts[:2], "forms": {"\udc80": "1"}, "styled": {"1": "2"}}
        made = {"trajectories": (odd, *one.trajectories[1:]), "seconds": {"\udc80": 1.0}}
        return one.model_copy(update=made | more)

    with open_run(folder) as run:
        first = next(run.solutions())
    replace_solution(folder, made_odd(first))
    return folder


def form_of(name: str) -> Format:
    if name == "parquet":
        pytest.importorskip("pyarrow")
        return "parquet"
    return "jsonl"


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_it_reads_back_as_it_was(tmp_path: Path, name: str) -> None:
    folder = with_odd_texts(recorded_run(tmp_path / "r", issues=8))
    made = exported(folder, tmp_path / "to", form_of(name))
    assert ODD in made[0].trajectories[0].patch
    assert list(read_export(tmp_path / "to")) == made


def test_rows_are_documented_columns_in_valid_json(tmp_path: Path) -> None:
    made = exported(with_odd_texts(recorded_run(tmp_path / "r")), tmp_path / "to")
    for name, table in TABLES.items():
        raw = (tmp_path / "to" / f"{name}.jsonl").read_bytes()
        assert raw.isascii() and rows(tmp_path / "to", name)
        assert not re.search(rb"\\ud[89a-f]..(?!\\ud[c-f])|Infinity|NaN", raw.replace(b"\\\\", b"")), name
        for row in rows(tmp_path / "to", name):
            assert list(row) == [one.name for one in table.columns]
    issues = {row["issue"]: row for row in rows(tmp_path / "to", "issues")}
    assert issues[issue(5).id]["outcome"] == "failed"
    assert issues[issue(5).id]["reason"] == "the endpoint failed: connection refused"
    turns = rows(tmp_path / "to", "turns")
    assert len(turns) == sum(len(one.turns) for each in made for one in each.trajectories)
    grades = {(row["issue"], row["patch_id"]): row["hardened"] for row in rows(tmp_path / "to", "grades")}
    patch = made[1].candidates[0].patch
    assert grades[made[1].issue, patch_id(patch)] in ("resolved", "unresolved")
    assert sum(int(str(row["calls"])) for row in rows(tmp_path / "to", "ledger")) == 60


def test_the_page_lists_exactly_the_columns() -> None:
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", page, re.S | re.M))
    assert list(sections) == list(TABLES)
    for name, table in TABLES.items():
        told = re.findall(r"^\| `(\w+)` \| (\w+) \|", sections[name], re.M)
        assert told == [(one.name, one.type) for one in table.columns], name


@pytest.mark.parametrize(
    ("table", "record", "elsewhere"),
    [
        (
            "issues",
            Solution,
            {"candidates", "trajectories", "checks", "verdicts", "turn_verdicts", "decisions"},
        ),
        ("issues", Issue, {"id"}),
        ("candidates", Candidate, {"id"}),
        ("trajectories", Trajectory, {"index"}),
        ("turns", Turn, set()),
        ("checks", Check, {"id"}),
        ("verdicts", Verdict, set()),
        ("turn_verdicts", Verdict, set()),
        ("decisions", Decision, set()),
        ("ledger", Usage, set()),
        ("grades", Grade, {"instance", "patch"}),
    ],
)
def test_nothing_of_a_record_is_lost(table: str, record: type[Record], elsewhere: set[str]) -> None:
    assert record.model_fields.keys() - elsewhere <= {one.name for one in TABLES[table].columns}


def test_some_tables_alone(tmp_path: Path) -> None:
    with open_run(recorded_run(tmp_path / "r")) as run:
        made = export_run(run, tmp_path / "to", tables=["turns", "grades"])
        assert [*made.rows] == ["turns", "grades"]
        with pytest.raises(UsageError, match="no table 'patches'; known are issues, candidates"):
            export_run(run, tmp_path / "to", tables=["patches"])
    assert sorted(one.name for one in (tmp_path / "to").iterdir()) == [
        "export.json", "grades.jsonl", "turns.jsonl",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="lacks the table issues: export all tables"):
        list(read_export(tmp_path / "to"))


def test_it_replaces_an_earlier_one(tmp_path: Path) -> None:
    exported(recorded_run(tmp_path / "a", issues=9), tmp_path / "to")
    made = exported(recorded_run(tmp_path / "b", issues=3), tmp_path / "to")
    assert list(read_export(tmp_path / "to")) == made


@contextmanager
def no_larger_than(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path, name: str) -> None:
    form, to = form_of(name), tmp_path / "to"
    with open_run(recorded_run(tmp_path / "r", issues=30)) as run:
        export_run(run, to, form)
        before = {one: one.read_bytes() for one in to.iterdir()}
        full = no_larger_than(max(map(len, before.values())) // 2)
        with pytest.raises(StoreError, match=r"can't be written: .*Free some space, or choose"), full:
            export_run(run, to, form)
    assert {one: one.read_bytes() for one in to.iterdir()} == before


def test_a_folder_that_can_not_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with open_run(recorded_run(tmp_path / "r")) as run, pytest.raises(StoreError, match="can't be written"):
        export_run(run, tmp_path / "file" / "to")


def cut(to: Path) -> None:
    file = to / "turns.jsonl"
    file.write_text(file.read_text()[:-50])


def newer(to: Path) -> None:
    file = to / "export.json"
    file.write_text(file.read_text().replace('"version": 1', '"version": 9'))


def spoilt(to: Path) -> None:
    file = to / "issues.jsonl"
    file.write_text(file.read_text().replace('"confidence": ', '"confidence": 2'))


def unmarked(to: Path) -> None:
    file = to / "candidates.jsonl"
    file.write_text(file.read_text().replace('"patch": "', f'"patch": "{MARK}'))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "can't be read"),
        (newer, "newer swe-scale"),
        (spoilt, "can't be read"),
        (unmarked, "can't be read"),
        (lambda to: (to / "checks.jsonl").unlink(), "can't be read"),
        (lambda to: (to / "export.json").write_text("{"), "can't be read"),
    ],
)
def test_a_damaged_one_is_named(tmp_path: Path, damage: Callable[[Path], object], said: str) -> None:
    exported(recorded_run(tmp_path / "r"), tmp_path / "to")
    damage(tmp_path / "to")
    with pytest.raises(StoreError, match=said):
        list(read_export(tmp_path / "to"))


def test_without_its_last_file_it_is_not_whole(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no whole export"):
        list(read_export(tmp_path))


def test_a_damaged_run_leaves_no_export(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r")
    with open_run(folder) as run:
        with sqlite3.connect(folder / "run.sqlite") as connection:
            connection.execute("DELETE FROM texts")
        with pytest.raises(StoreError, match="damaged"):
            export_run(run, tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []
    assert (folder / FILE).is_file()


@pytest.mark.parametrize(
    "text", ["", "plain", ODD, MARK, f"{MARK}YQ==", "\ud800", {"\udc80": ["\udfff", 1, None]}]
)
def test_texts_come_back(text: object) -> None:
    json.dumps(encoded(text), ensure_ascii=False).encode("utf-8")
    assert decoded(encoded(text)) == text
