"""A file of issues: what can be used is used, and what can't is named by its line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from swe_scale.errors import UsageError
from swe_scale.records import Issue
from swe_scale.swebench.questions import read_questions

ROW = {
    "instance_id": "own__pkg-1",
    "repo": "own/pkg",
    "base_commit": "abc123",
    "problem_statement": "mean() of nothing\n\nIt raises.",
    "patch": "diff --git a/gold b/gold",
    "test_patch": "hidden tests",
    "FAIL_TO_PASS": "[test_x]",
    "hints_text": "a hint from after the fix",
}


def write(tmp_path: Path, *rows: dict[str, Any] | str | bytes) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [one if isinstance(one, str | bytes) else json.dumps(one) for one in rows]
    path.write_bytes(b"".join((one if isinstance(one, bytes) else one.encode()) + b"\n" for one in lines))
    return path


@dataclass
class Rows:
    issues: list[Issue]
    faults: tuple[str, ...]


def read(tmp_path: Path, *rows: dict[str, Any] | str | bytes, repos: Path | None = None) -> Rows:
    found = read_questions(write(tmp_path, *rows), repos=repos)
    return Rows([one.issue for one in found.found], found.faults)


def test_a_row_is_an_issue(tmp_path: Path) -> None:
    [issue] = read(tmp_path, ROW).issues
    assert (issue.id, issue.repo, issue.base_commit) == ("own__pkg-1", "https://github.com/own/pkg", "abc123")
    assert (issue.title, issue.body) == ("mean() of nothing", "It raises.")


def test_nothing_that_a_solver_may_not_see_is_read(tmp_path: Path) -> None:
    [issue] = read(tmp_path, ROW).issues
    text = issue.model_dump_json()
    assert not any(word in text for word in ("gold", "hidden", "test_x", "after the fix"))


def test_repositories_of_a_folder_are_used(tmp_path: Path) -> None:
    (tmp_path / "repos" / "own__pkg").mkdir(parents=True)
    other = {**ROW, "instance_id": "x-2", "repo": "other/pkg"}
    one, two = read(tmp_path, ROW, other, repos=tmp_path / "repos").issues
    assert one.repo == str(tmp_path / "repos" / "own__pkg")
    assert two.repo == "https://github.com/other/pkg"


@pytest.mark.parametrize(
    "repo", ["/srv/pkg", "./pkg", "../pkg", "~/pkg", "https://example.org/a/b", "git@h:a/b", "pkg"]
)
def test_other_sources_stay_as_they_are(tmp_path: Path, repo: str) -> None:
    [issue] = read(tmp_path, {**ROW, "repo": repo}).issues
    assert issue.repo == repo


BAD: dict[str, dict[str, Any] | str | bytes] = {
    "not JSON": "{",
    "not JSON: ": "[" * 100_000,
    "not an object": "[1]",
    "instance_id missing or empty": {**ROW, "instance_id": ""},
    "repo missing or empty": {**ROW, "repo": 7},
    "base_commit missing or empty": {name: ROW[name] for name in ROW if name != "base_commit"},
    "problem_statement missing or empty": {**ROW, "problem_statement": " \n"},
    "instance_id, repo, base_commit, problem_statement missing or empty": {},
    "is empty": {**ROW, "problem_statement": "###"},
    "repo can't be used": {**ROW, "repo": "own/\ud800"},
    "base_commit can't be used": {**ROW, "base_commit": "abc\0"},
    "instance_id 'a": {**ROW, "instance_id": "a\nb"},
    "use letters, digits": {**ROW, "instance_id": "../../etc"},
    "stands in the file twice": ROW,
}


@pytest.mark.parametrize("fault", BAD)
def test_one_bad_row_never_stops_the_rest(tmp_path: Path, fault: str) -> None:
    rows = read(tmp_path, ROW, "", BAD[fault], {**ROW, "instance_id": "own__pkg-2"})
    assert [issue.id for issue in rows.issues] == ["own__pkg-1", "own__pkg-2"]
    [said] = rows.faults
    assert said.startswith(f"{tmp_path}/rows.jsonl, line 3: ") and fault in said and "\n" not in said


def test_bytes_that_are_not_utf_8_and_marks_are_survived(tmp_path: Path) -> None:
    first = b"\xef\xbb\xbf" + json.dumps(ROW).encode()
    second = json.dumps({**ROW, "instance_id": "b-2"}).encode().replace(b"raises", b"raises \xff")
    rows = read(tmp_path, first, second, json.dumps({**ROW, "instance_id": "c-3"}) + "\r")
    assert [one.id for one in rows.issues] == ["own__pkg-1", "b-2", "c-3"] and not rows.faults
    assert "�" in rows.issues[1].body


def test_lone_surrogates_of_a_text_are_replaced(tmp_path: Path) -> None:
    [issue] = read(tmp_path, {**ROW, "problem_statement": "a \ud800 b"}).issues
    issue.title.encode()


def test_a_file_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no usable row\.\n.*line 1: not JSON"):
        read(tmp_path, "{")
    with pytest.raises(UsageError, match="holds no usable row"):
        read(tmp_path)
    with pytest.raises(UsageError) as caught:
        read(tmp_path, *["{"] * 100)
    assert str(caught.value).count("\n") == 5


def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read: No such file"):
        read_questions(tmp_path / "absent")
    with pytest.raises(UsageError, match="is a folder"):
        read_questions(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        read_questions(write(tmp_path, ROW), repos=tmp_path / "absent")
