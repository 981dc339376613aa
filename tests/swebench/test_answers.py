"""Whole rows, for grading only."""

import json
from pathlib import Path

import pytest

from swe_scale.errors import UsageError
from swe_scale.swebench.answers import read_instances

ROW = {
    "instance_id": "octo__repo-1", "repo": "octo/repo", "base_commit": "a" * 40,
    "problem_statement": "It breaks.\nBadly.", "version": "1.0", "patch": "gold-patch", "test_patch": "hidden",
    "FAIL_TO_PASS": '["t::a"]', "PASS_TO_PASS": ["t::b", "t::c"], "difficulty": "<15 min fix",
}  # fmt: skip


def written(folder: Path, name: str, *rows: object) -> Path:
    path = folder / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_a_row_has_two_halves(tmp_path: Path) -> None:
    [instance] = read_instances(written(tmp_path, "rows.jsonl", ROW))
    assert instance.question.issue.title == "It breaks."
    assert instance.question.image == "swebench/sweb.eval.x86_64.octo_1776_repo-1:latest"
    assert instance.gold.fail_to_pass == ("t::a",)
    assert instance.gold.pass_to_pass == ("t::b", "t::c")
    assert instance.gold.difficulty == "<15 min fix"


def test_rows_can_be_restricted_and_joined(tmp_path: Path) -> None:
    answers = {"patch", "test_patch", "FAIL_TO_PASS", "PASS_TO_PASS"}
    ours = [ROW, {**ROW, "instance_id": "octo__repo-2"}]
    asked = written(tmp_path, "q.jsonl", *({k: v for k, v in r.items() if k not in answers} for r in ours))
    told = written(
        tmp_path,
        "a.jsonl",
        *({k: v for k, v in {**r, "PASS_TO_PASS_LOCAL": "[]"}.items() if k not in {"repo"}} for r in ours),
    )
    [instance] = read_instances(f"{asked},{told}", {"octo__repo-2"})
    assert instance.gold.instance == "octo__repo-2" and instance.gold.repo == "octo/repo"
    assert instance.gold.pass_to_pass == ()


def test_what_cant_be_used_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.jsonl", {**ROW, "FAIL_TO_PASS": "nope"}, ROW, ROW)
    said: list[str] = []
    assert len(list(read_instances(path, unusable=said.append))) == 1
    assert "line 1: FAIL_TO_PASS is not a list" in said[0] and "stands there twice" in said[1]
    with pytest.raises(UsageError, match="FAIL_TO_PASS"):
        list(read_instances(path))
