"""Whole rows, for grading only."""

from pathlib import Path

import pytest
from rows_kit import row, written

from swe_scale.errors import UsageError
from swe_scale.swebench.answers import gold_of, read_instances


def test_a_row_has_two_halves(tmp_path: Path) -> None:
    [instance] = read_instances(written(tmp_path, "rows.jsonl", row()))
    assert instance.question.issue.title == "It breaks 1 times."
    assert instance.question.image == "swebench/sweb.eval.x86_64.octo_1776_repo-1:latest"
    assert instance.gold.fail_to_pass == ("GOLD::test",)
    assert instance.gold.pass_to_pass == ("GOLD::test_too",)
    assert instance.gold.difficulty == "<15 min fix"


def test_rows_can_be_restricted_and_joined(tmp_path: Path) -> None:
    answers = {"patch", "test_patch", "FAIL_TO_PASS", "PASS_TO_PASS"}
    both = (row(1), row(2))
    asked = written(tmp_path, "q.jsonl", *({k: v for k, v in r.items() if k not in answers} for r in both))
    told = written(
        tmp_path, "a.jsonl",
        *({k: r[k] for k in ("instance_id", *answers)} | {"PASS_TO_PASS_LOCAL": "[]"} for r in both),
    )  # fmt: skip
    [instance] = read_instances(f"{asked},{told}", {"octo__repo-2"})
    assert instance.gold.instance == "octo__repo-2" and instance.gold.repo == "octo/repo"
    assert instance.gold.pass_to_pass == (), "what passes here is preferred"
    assert len(list(read_instances(f"{asked},{told}"))) == 2


def test_what_cant_be_used_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.jsonl", row(FAIL_TO_PASS="nope"), row(), row(), "{broken")
    said: list[str] = []
    assert len(list(read_instances(path, unusable=said.append))) == 1
    assert "line 1: FAIL_TO_PASS is not a list" in said[0] and "stands there twice" in said[1]
    assert "line 4: not JSON" in said[2]
    with pytest.raises(UsageError, match="FAIL_TO_PASS"):
        list(read_instances(path))
    assert len(list(read_instances(path, {"octo__repo-2"}))) == 0


def test_old_rows_of_known_repositories_say_how_they_are_run() -> None:
    django = row(
        repo="django/django", version="1.9",
        test_patch="diff --git a/tests/a/b.py b/tests/a/b.py\ndiff --git a/tests/x.json b/tests/x.json\n",
    )  # fmt: skip
    gold = gold_of(django)
    assert gold.test_command == "./tests/runtests.py --verbosity 2 a.b"
    assert gold.log_parser == "parse_log_django"
    sympy = gold_of(django | {"repo": "sympy/sympy"})
    assert sympy.test_command.endswith(" bin/test -C --verbose tests/a/b.py")
    spaced = gold_of(row(repo="psf/requests", test_patch="diff --git a/a b.py b/$(x) b.py\n"))
    assert spaced.test_command == "pytest -rA '$(x) b.py'"
    unknown = gold_of(row())
    assert (unknown.test_command, unknown.log_parser) == ("", "")


def test_what_a_row_says_comes_before_what_is_known() -> None:
    gold = gold_of(
        row(
            repo="django/django",
            eval_script="#!",
            log_parser="parse_log_x",
            eval_type="fail_only",
            test_cmd="t",
        )
    )
    assert (gold.eval_script, gold.log_parser, gold.eval_type) == ("#!", "parse_log_x", "fail_only")
    assert gold.test_command == "t"


def test_dialects_of_other_datasets() -> None:
    live = gold_of(row(test_cmds=["pytest -rA", "x"], log_parser="pytest", difficulty={"files": 3}))
    assert (live.test_command, live.log_parser, live.difficulty) == ("pytest -rA\nx", "parse_log_pytest", "")
    config = {"test_cmd": "pytest -q", "log_parser": "parse_log_pytest"}
    rebench = gold_of(row(install_config=config))
    assert rebench.test_command == "pytest -q tests/test_a.py" and rebench.log_parser == "parse_log_pytest"
    pro = {k: v for k, v in row().items() if not k.endswith("_TO_PASS")}
    gold = gold_of(pro | {"fail_to_pass": '["a"]', "pass_to_pass": "[]"})
    assert (gold.fail_to_pass, gold.pass_to_pass) == (("a",), ())
