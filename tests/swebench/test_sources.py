"""Datasets in files of every form, and by name."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows_kit import row, written

from swe_scale.errors import UsageError
from swe_scale.swebench import objects
from swe_scale.swebench.named import NAMED, Hub, resolve
from swe_scale.swebench.questions import read_questions
from swe_scale.swebench.rows import Found
from swe_scale.swebench.source import stream

ALL = frozenset({"instance_id", "repo", "base_commit", "problem_statement", "version", "number"})
ROWS = [row(number) for number in (1, 2, 3)]


def names(path: Path) -> list[str]:
    return [one.issue.id for one in read_questions(path).found]


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    parquet.write_table(arrow.Table.from_pylist(rows), path, row_group_size=2)
    return path


def test_every_form_of_file_gives_the_same_rows(tmp_path: Path) -> None:
    whole = read_questions(written(tmp_path, "rows.jsonl", *ROWS)).found
    by_id = {one["instance_id"]: {k: v for k, v in one.items() if k != "instance_id"} for one in ROWS}
    forms = {
        "array.json": json.dumps(ROWS),
        "pretty.json": json.dumps(ROWS, indent=2),
        "object.json": json.dumps(by_id),
        "pretty_object.json": json.dumps(by_id, indent=1),
        "lines.json": "".join(f"{json.dumps(one)}\n" for one in ROWS),
        "bom.jsonl": "\ufeff" + "".join(f"{json.dumps(one)}\n\n" for one in ROWS),
        "bom.json": "\ufeff \n" + json.dumps(ROWS),
        "rows.txt": json.dumps(ROWS),
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert read_questions(tmp_path / name).found == whole, name


def test_parquet_files_and_folders_of_them(tmp_path: Path) -> None:
    whole = read_questions(written(tmp_path, "rows.jsonl", *ROWS)).found
    plain = [{**one, "FAIL_TO_PASS": [one["instance_id"]]} for one in ROWS]
    assert read_questions(table(tmp_path / "rows.parquet", plain)).found == whole
    folder = tmp_path / "data"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"folder without a \.parquet"):
        read_questions(folder)
    table(folder / "b.parquet", plain[2:]), table(folder / "a.parquet", plain[:2])
    assert read_questions(folder).found == whole


def test_parquet_without_what_is_needed(tmp_path: Path) -> None:
    without = [{k: v for k, v in one.items() if k not in ("repo", "problem_statement")} for one in ROWS]
    with pytest.raises(UsageError, match=r"lacks the columns problem_statement, repo; it has: .*instance_id"):
        read_questions(table(tmp_path / "rows.parquet", without))
    (tmp_path / "not.parquet").write_bytes(b"PAR1 nothing of the kind")
    with pytest.raises(UsageError, match="can't be read as a Parquet file"):
        read_questions(tmp_path / "not.parquet")
    whole = (tmp_path / "rows.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="can't be read as a Parquet file"):
        read_questions(tmp_path / "cut.parquet")


def test_a_document_that_breaks_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(
        "[" + json.dumps(ROWS[0]) + ', {"instance_id": nope}, ' + json.dumps(ROWS[1]) + ', {"a": "'
    )
    rows = read_questions(path)
    assert [one.issue.id for one in rows.found] == ["octo__repo-1", "octo__repo-2"]
    assert "row 2: not JSON" in rows.faults[0] and "it ends in the middle" in rows.faults[1]
    path.write_text("[" + json.dumps(ROWS[0]) + "]]]" + json.dumps(ROWS[1]))
    rows = read_questions(path)
    assert len(rows.found) == 1 and "a bracket closes that was never opened" in rows.faults[0]


def test_a_row_that_is_too_long_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = row(9, problem_statement="x" * 5000)
    monkeypatch.setattr("swe_scale.swebench.lines.LONGEST", 2000)
    monkeypatch.setattr("swe_scale.swebench.objects.LONGEST", 2000)
    (tmp_path / "rows.json").write_text(json.dumps([ROWS[0], long, ROWS[1]]))
    for path in (written(tmp_path, "rows.jsonl", ROWS[0], long, ROWS[1]), tmp_path / "rows.json"):
        rows = read_questions(path)
        assert [one.issue.id for one in rows.found] == ["octo__repo-1", "octo__repo-2"]
        assert len(rows.faults) == 1 and "longer than" in rows.faults[0]


values = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from(['"', "\\", '\\"', "[{", "}]", "\u2028"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=4), values, max_size=3), max_size=4),
    chunk=st.integers(1, 40),
    indent=st.sampled_from([None, 1]), ascii_only=st.booleans(), keyed=st.booleans(),
)  # fmt: skip
def test_rows_are_found_wherever_a_chunk_ends(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, Any]],
    chunk: int,
    indent: int | None,
    ascii_only: bool,
    keyed: bool,
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.json"
    document: Any = (
        {f'k"{number}\\': {**one, "n": number} for number, one in enumerate(rows)} if keyed else rows
    )
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=ascii_only), "utf-8", "surrogatepass")
    every = frozenset(name for one in rows for name in one) | {"instance_id"}
    before, objects._CHUNK = objects._CHUNK, chunk
    try:
        with path.open("rb") as file:
            found: list[Found] = list(objects.read_objects(file, every))
    finally:
        objects._CHUNK = before
    assert not [one.fault for one in found if one.fault]
    if keyed:
        rows = [{"instance_id": f'k"{number}\\', **one} for number, one in enumerate(rows)]
    kept = json.loads(json.dumps(rows, ensure_ascii=True))
    decoded = [{k: v for k, v in one.row.items() if keyed is False or k != "n"} for one in found]
    assert len(decoded) == len(kept)
    if "\ufffd" not in path.read_text("utf-8", "replace"):
        assert [set(one) for one in decoded] == [set(one) - ({"n"} if keyed else set()) for one in kept]


def test_names_stand_for_datasets_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve("verified") == Hub("SWE-bench/SWE-bench_Verified", "test")
    assert resolve("Live:lite") == Hub("SWE-bench-Live/SWE-bench-Live", "lite")
    assert resolve("nebius/SWE-rebench-leaderboard:2025_01") == Hub(
        "nebius/SWE-rebench-leaderboard", "2025_01"
    )
    Path("lite").write_text("")
    assert resolve("lite") == Path("lite"), "a file that is there comes first"
    assert {"verified", "lite", "full", "multilingual", "pro", "live"} <= NAMED.keys()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("verifed", "Did you mean verified?"),
        ("nonsense", "Known are verified, lite"),
        ("nowhere.jsonl", "nowhere.jsonl does not exist"),
        ("no/where/rows.parquet", "does not exist"),
        ("live:", "a split is named after the colon"),
        ("x" * 5000, "there is no dataset or file"),
        ("a\0b", "there is no dataset or file"),
    ],
)
def test_unknown_datasets(source: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=re.escape(said)):
        resolve(source)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['datasets'] = sys.modules['pyarrow'] = None\n"
        "from swe_scale.swebench.questions import read_questions\n"
        "from swe_scale.errors import UsageError\n"
        "for name in sys.argv[1:]:\n"
        "    try: read_questions(name)\n"
        "    except UsageError as error: print(error)\n"
    )
    (tmp_path / "rows.parquet").write_bytes(b"")
    ran = subprocess.run(
        [sys.executable, "-c", code, "verified", str(tmp_path / "rows.parquet")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    assert len(lines) == 2 and all("pip install 'swe-scale[swebench]'" in line for line in lines)
    assert "datasets" in lines[0] and "pyarrow" in lines[1]


def test_reading_files_of_lines_needs_no_extra() -> None:
    code = (
        "import sys; import swe_scale.swebench.questions, swe_scale.swebench.answers\n"
        "print(*sorted({'datasets', 'pyarrow', 'swebench'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


PEAK = """
import sys
from swe_scale.swebench.questions import read_questions
from swe_scale.swebench.answers import read_instances
from swe_scale.swebench.choosing import Choice, parse_filter
def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1])
if sys.argv[1].endswith("parquet"):
    import pyarrow.parquet
path, before = sys.argv[1], peak()
assert len(read_questions(path, Choice(filters=(parse_filter("-7$"),))).found) == 1
assert len(read_questions(path, Choice(sample=3)).found) == 3
if not path.endswith("parquet"):
    # There, memory follows the pages that the writer made.
    assert [one.gold.instance for one in read_instances(path, {"octo__repo-9"})] == ["octo__repo-9"]
print(peak() - before)
"""


@pytest.mark.parametrize("form", ["rows.jsonl", "rows.json", "rows.parquet"])
def test_a_large_file_is_read_in_little_memory(tmp_path: Path, form: str) -> None:
    path, count = tmp_path / form, 500

    def big(number: int) -> dict[str, Any]:
        # Nothing that compresses away.
        noise = f"{pow(7, 2500 + number):x}"
        return row(number, patch="GOLD" + noise * 30, PASS_TO_PASS=json.dumps([noise * 60]))

    if form == "rows.parquet":
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        first = arrow.Table.from_pylist([big(0)])
        with parquet.ParquetWriter(path, first.schema, compression="none") as file:
            for start in range(0, count, 50):
                rows = [big(number) for number in range(start, start + 50)]
                file.write_table(arrow.Table.from_pylist(rows, first.schema))
    else:
        opening, between, end = ("[", ",", "]") if form == "rows.json" else ("", "\n", "")
        with path.open("w") as text:
            text.write(opening)
            for number in range(count):
                text.write((between if number else "") + json.dumps(big(number)))
            text.write(end)
    assert path.stat().st_size > 75 << 20
    ran = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 40 << 10, f"{ran.stdout.strip()} KiB"


def test_streams_give_only_what_is_asked_for(tmp_path: Path) -> None:
    [found] = stream(written(tmp_path, "rows.jsonl", row()), frozenset({"repo", "nothing"}))
    assert found.row == {"repo": "octo/repo"} and "patch" in found.names


def test_datasets_of_the_hub(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "data").mkdir()
    table(tmp_path / "data" / "test-00000-of-00001.parquet", [one | {"PASS_TO_PASS": []} for one in ROWS])
    code = (
        "import sys\nfrom swe_scale.errors import UsageError\n"
        "from swe_scale.swebench.hub import read_hub\nfrom swe_scale.swebench.named import Hub\n"
        "rows = list(read_hub(Hub(sys.argv[1]), frozenset({'instance_id', 'nothing'}), frozenset()))\n"
        "print([one.row for one in rows] == [{'instance_id': f'octo__repo-{n}'} for n in (1, 2, 3)])\n"
        "print('patch' in rows[0].names)\n"
        "for hub, needed in ((Hub(sys.argv[1], 'dev'), ''), (Hub(sys.argv[1]), 'x'), (Hub('no/such'), '')):\n"
        "    try: list(read_hub(hub, frozenset(), frozenset(filter(None, [needed]))))\n"
        "    except UsageError as error: print(error)\n"
    )
    # Nothing listens there: no test may reach the hub itself.
    offline = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True, env={**os.environ, **offline},
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    assert lines[:2] == ["True", "True"]
    assert "has no split 'dev'" in lines[2] and "lacks the columns x; it has: FAIL_TO_PASS" in lines[3]
    assert "no/such can't be had from the Hugging Face hub" in lines[4]
    assert ran.stderr == ""
