"""The experiments' rows, images' trees and drawn candidates are what grading and the harness need."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

EXPERIMENTS = Path(__file__).resolve().parent.parent / "evaluation" / "experiments"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXPERIMENTS))


def write(file: Path, *rows: dict[str, Any]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def candidate(patch: str, **columns: Any) -> dict[str, Any]:
    return {
        "instance_id": "a__b-1", "system": "s", "patch_sha": patch[:12], "model_patch": patch,
        "resolved": True, "verdict_from": "published", **columns,
    }  # fmt: skip


def test_rows_are_joined_and_name_local_images(tmp_path: Path) -> None:
    import testbed_rows

    write(
        tmp_path / "questions_dev.jsonl",
        {"instance_id": "a__B-1", "image": "far/away:latest", "runnable": True, "version": "1.0"},
        {"instance_id": "a__b-2", "image": "far/away:latest"},
    )
    answer = {"PASS_TO_PASS": '["x", "y"]', "PASS_TO_PASS_LOCAL": '["x"]', "log_parser": "p"}
    write(tmp_path / "answers_dev.jsonl", {"instance_id": "a__B-1", **answer}, {"instance_id": "a__b-2"})
    (row,) = testbed_rows.runnable_rows(tmp_path)
    assert row == {
        "instance_id": "a__B-1", "image": "swe-scale-data/a__b-1:testbed", "version": "1.0",
        "PASS_TO_PASS": '["x"]', "log_parser": "p", "eval_type": "pass_and_fail",
    }  # fmt: skip


def test_only_candidates_with_a_verdict_that_counts_are_drawn_and_each_patch_once(tmp_path: Path) -> None:
    import testbed_rows

    write(
        tmp_path / "candidates_dev.jsonl",
        candidate("good"),
        candidate("good", system="another"),
        candidate("disputed"),
        candidate("disputed", resolved=False),
        candidate("unknown", resolved=None),
        candidate("their own word", verdict_from=None),
        candidate("only of those that solved it", system="s__rediffed"),
        candidate("  \n"),
        candidate("of another row", instance_id="a__b-9"),
    )
    (one,) = testbed_rows.candidates(tmp_path, ["a__b-1"])
    assert (one.instance, one.patch, one.resolved, one.told_by) == ("a__b-1", "good", True, "published")


def test_draws_are_the_same_again_and_hold_both_verdicts() -> None:
    import testbed_rows

    found = [testbed_rows.Candidate("i", f"p{n}", f"{n}", n < 3, "published") for n in range(30)]
    chosen = testbed_rows.drawn_per_row(found, 5, seed=7)["i"]
    assert chosen == testbed_rows.drawn_per_row(found, 5, seed=7)["i"]
    assert sorted(one.resolved for one in chosen) == [False, False, True, True, True]
    assert chosen != testbed_rows.drawn_per_row(found, 5, seed=8)["i"]
    alike = testbed_rows.drawn_per_row(found[3:], 5, seed=7)["i"]
    assert len(set(alike)) == 5


def test_a_tree_keeps_its_base_commit_and_nothing_before_or_after(tmp_path: Path) -> None:
    import testbed_images

    def git(*arguments: str, at: str = "mirror") -> str:
        author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *author, *arguments], cwd=tmp_path / at, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    (tmp_path / "mirror").mkdir()
    git("init", "-q", "-b", "main")
    commits = []
    for text in ("before", "base", "the fix"):
        (tmp_path / "mirror" / "a.txt").write_text(text)
        git("add", "-A")
        git("commit", "-qm", text)
        commits.append(git("rev-parse", "HEAD"))
    row = {"base_commit": commits[1], "repo": "owner/name"}
    testbed_images.get_tree(tmp_path / "mirror", row, tmp_path / "testbed")
    assert (tmp_path / "testbed" / "a.txt").read_text() == "base"
    assert git("rev-parse", "HEAD~1", at="testbed") == commits[1]
    assert git("status", "--porcelain", at="testbed") == ""
    held = git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)", at="testbed")
    assert commits[1] in held
    assert commits[0] not in held
    assert commits[2] not in held
    with pytest.raises(SystemExit, match="fetch"):
        testbed_images.get_tree(tmp_path / "mirror", {**row, "base_commit": "0" * 40}, tmp_path / "none")


def test_of_an_interpreter_only_what_environments_need_is_taken(tmp_path: Path) -> None:
    import tarfile

    import testbed_images

    for name in ("bin/python3", "lib/python3.9/os.py", "lib/python3.9/test/x.py", "lib/libpython.a",
                 "lib/python3.9/site-packages/torch.py", "lib/python3.9/unittest/test/y.py"):  # fmt: skip
        (tmp_path / "3.9.1" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "3.9.1" / name).touch()
    with tarfile.open(tmp_path / "python.tar", "w") as tar:
        testbed_images.add_python(tar, tmp_path / "3.9.1")
        names = [one.name for one in tar.getmembers() if one.isfile()]
    assert sorted(names) == [
        "3.9.1/bin/python3", "3.9.1/lib/python3.9/os.py", "3.9.1/lib/python3.9/unittest/test/y.py",
    ]  # fmt: skip


def test_what_the_harness_kept_is_read(tmp_path: Path) -> None:
    from official_harness import Harness, Said

    harness = Harness(Path("python"), Path("rows.jsonl"), tmp_path)
    kept = harness.kept("run", "a__b-1")
    assert harness.said("run", "a__b-1", "gold").resolved is None
    kept.mkdir(parents=True)
    (kept / "run_instance.log").write_text(">>>>> Patch Apply Failed:\n…")
    assert harness.said("run", "a__b-1", "gold").reason == "the patch doesn't apply"
    tests = {"FAIL_TO_PASS": {"failure": ["x"]}, "PASS_TO_PASS": {"failure": []}}
    (kept / "report.json").write_text(json.dumps({"a__b-1": {"resolved": False, "tests_status": tests}}))
    assert harness.said("run", "a__b-1", "gold") == Said("a__b-1", "gold", False, failing=["x"], broken=[])


def test_what_select_is_given_tells_nothing_of_who_made_it(tmp_path: Path) -> None:
    import real_matrices
    import testbed_rows

    row = {"instance_id": "a__b-1", "problem_statement": "It fails.", "repo": "a/b", "base_commit": "c" * 40}
    write(
        tmp_path / "candidates_dev.jsonl",
        candidate("p1", system="known agent"),
        candidate("p2", resolved=False),
    )
    given = real_matrices.patches_of(tmp_path, "a__b-1", 10, 1)
    checks = [{"kind": "script", "content": "exit(1)\n"}, {"kind": "test_patch_diff", "content": "diff\n"}]
    folder = real_matrices.folder_of(tmp_path / "out", "a__b-1")
    real_matrices.prepare(row, given, checks, folder)
    files = {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()}
    assert files.keys() == {
        "issue.md", "candidates/00.diff", "candidates/01.diff", "checks/00.py", "checks/01.diff"
    }  # fmt: skip
    assert not any("known agent" in text or "true" in text for text in files.values())
    assert isinstance(given[0], testbed_rows.Candidate) and {one.resolved for one in given} == {True, False}
