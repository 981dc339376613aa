"""`swe-scale select` on what can't be used: one or two lines that say what, where, and what to do."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from main_job import RIGHT, Desk, assert_clean, complaint
from select_kit import chosen, lay_out, patch, prediction

GOOD = patch(RIGHT)
ELSEWHERE = GOOD.replace("mean", "median")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    lay_out(desk)
    return desk


def put(desk: Desk, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        (desk.folder / name).parent.mkdir(exist_ok=True)
        (desk.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize(
    ("files", "texts"),
    [
        ({"a.json": '{"patch": 1}'}, ("a.json, entry 'patch': not an object with instance_id",)),
        ({"a.json": "[1, 2]"}, ("a.json, entry 1: not an object",)),
        ({"a.json": "[]"}, ("a.json holds no predictions",)),
        ({"a.json": ""}, ("a.json holds no predictions",)),
        ({"a.json": "{"}, ("a.json is not JSON", "line 1 column 2")),
        ({"a.json": "[" * 50_000}, ("a.json is not JSON",)),
        ({"a.jsonl": '\n{"instance_id": "issue"}\n'}, ("a.jsonl, line 2: 'issue' has no model_patch",)),
        ({"a.jsonl": '{"instance_id": "issue", "model_patch": 3}'}, ("a.jsonl, line 1", "not a text")),
        ({"a.jsonl": b"\xff\n"}, ("a.jsonl, line 1: not UTF-8",)),
        ({"a.jsonl": prediction(GOOD, "x") + prediction(GOOD, "y")}, ("2 instances (x, y)", "--instance")),
        ({"a.diff": "Dear all,\n"}, ("a.diff, line 1: neither a unified diff nor predictions",)),
        ({"a.diff": b"diff --git\n\0"}, ("a.diff, line 2: it holds a NUL byte",)),
        ({"a.diff": ""}, ("no candidate to judge", "1 changing nothing")),
        ({"a.diff": ELSEWHERE}, ("a.diff: The patch doesn't apply", "Name it by --base")),
        ({"a.diff": GOOD.replace("stats.py", "/etc/passwd")}, ("no candidate to judge",)),
        ({"a.diff": GOOD.replace("stats.py", "../x.py")}, ("must stay below the repository's root",)),
        ({"a.diff": GOOD.replace("stats.py", "tests/test_stats.py")}, ("1 that don't apply",)),
        ({"patches/readme.txt": "x"}, ("patches holds no .diff or .patch file",)),
    ],
)  # fmt: skip
def test_candidates_that_cannot_be_used(
    desk: Desk, files: dict[str, str | bytes], texts: tuple[str, ...]
) -> None:
    put(desk, files)
    ran = chosen(desk, [Path(name).parts[0] for name in files])
    assert_clean(ran, 2, *texts)
    assert len(complaint(ran)) <= 2 and not ran.stdout and not (desk.folder / "runs").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--candidates", "gone.diff"), "gone.diff can't be read: No such file"),
        (("--candidates", "\udcff.diff"), "can't be read"),
        (("--candidates", "a" * 5_000), "aaa can't be read: File name too long"),
        (("--candidates", "right.diff/x"), "right.diff/x can't be read: Not a directory"),
        (("--candidates", ""), "an empty name is given where a file or folder should be"),
        (("--candidates", "right.diff", "--checks", "a" * 5_000), "aaa can't be read: File name too long"),
        (("--candidates", "right.diff", "--checks", "foreign:"), "an empty name is given"),
        (("--candidates", "branch:gone"), "branch:gone:"),
        (("--candidates", "branch:--upload-pack=x"), "branch:--upload-pack=x:"),
        (("--candidates", "branch:"), "branch::"),
        (("--candidates", "right.diff", "--checks", "gone.py"), "gone.py can't be read"),
        (("--candidates", "right.diff", "--checks", "notes.txt"), "notes.txt, line 1: in which language"),
        (("--candidates", "right.diff", "--checks", "empty.py"), "empty.py is empty"),
        (("--candidates", "right.diff", "--checks", "nul.py"), "nul.py, line 1: it holds a NUL byte"),
        (("--candidates", "right.diff", "--checks", "latin.py"), "latin.py, line 2: it isn't text"),
        (("--candidates", "right.diff", "--checks", "long.py"), "long.py is longer than 100,000 bytes"),
        (("--candidates", "right.diff", "--checks", "prose.patch"), "prose.patch, line 1: not a unified"),
        (("--candidates", "right.diff", "--checks", "latin.patch"), "latin.patch, line 4: it isn't text"),
        (("--candidates", "right.diff", "--checks", "empty"), "empty holds no .bash, "),
        (("--candidates", "p.jsonl", "--instance", "other"), "no prediction is for 'other'; there are issue"),
        (("--candidates", "right.diff", "--write-checks", "1"), "no model is named"),
        (("--candidates", "right.diff", "--rule", "best"), "best"),
        (("--candidates", "right.diff", "--min-confidence", "0.5", "--wrong-costs", "1"), "in two ways"),
        (("--candidates", "right.diff", "--name", "../x"), "--name"),
        (("--candidates", "right.diff", "--triage"), "No such option: --triage"),
        (("--candidates", "right.diff", "--policy", "best"), "there is no policy 'best'"),
        (("--candidates", "right.diff", "--policy", "fixed", "--objective", "cost"), "has one aim"),
        (("--candidates", "right.diff", "--policy", "adaptive"), "give --write-checks K, too"),
        (("--candidates", "right.diff", "--objective", "cost"), "give --write-checks K, too"),
        (("--candidates", "right.diff", "--stragglers", "slow"), "give --write-checks K, too"),
        (("--candidates", "right.diff", "--judges", "3"), "ask a model: give --base-url"),
        (("--candidates", "right.diff", "--selection", "list"), "ask a model: give --base-url"),
        (("--candidates", "right.diff", "--cascade"), "No such option: --cascade"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_used(desk: Desk, options: tuple[str, ...], text: str) -> None:
    put(
        desk,
        {
            "notes.txt": "x\n", "empty.py": " \n", "nul.py": "\0", "latin.py": b"\n# \xff\n",
            "long.py": "#" * 100_001, "prose.patch": "Hello\n", "p.jsonl": prediction(GOOD),
            "latin.patch": b"--- /dev/null\n+++ b/tests/test_a.py\n@@ -0,0 +1 @@\n+# \xff\n",
        },
    )  # fmt: skip
    (desk.folder / "empty").mkdir()
    ran = desk.run("select", str(desk.issue), *options, "--repo", str(desk.repository), "--sandbox", "local")
    assert_clean(ran, 2, text)


def test_a_forgotten_issue_is_not_a_candidate_taken_for_it(desk: Desk) -> None:
    for last in ("also.diff", "branch:main"):
        ran = desk.run("select", "--candidates", "right.diff", last, "--repo", str(desk.repository))
        assert_clean(ran, 2, f"{last} stands where the issue should")
    missing = desk.run("select", "--candidates", "right.diff", "--repo", str(desk.repository))
    assert missing.returncode == 2 and "Missing argument" in missing.stderr
    missing = desk.run("select", str(desk.issue))
    assert missing.returncode == 2 and "Missing option '--candidates'" in missing.stderr


def test_what_is_bad_beside_something_good_is_said_and_left_out(desk: Desk) -> None:
    lines = (prediction(GOOD), "nonsense\n", prediction(ELSEWHERE), prediction(GOOD, "another"), "{}\n" * 5)
    put(desk, {"a.jsonl": "".join(lines), "b.json": json.dumps({"another": {"model_patch": GOOD}})})
    os.link(desk.folder / "right.diff", desk.folder / "linked.diff")
    given = ["a.jsonl", "b.json", "right.diff", "linked.diff", "./right.diff"]
    ran = chosen(desk, given, "--checks", "check.py")
    answer = json.loads(ran.stdout)
    assert_clean(
        ran, 0, "linked.diff is given twice", "b.json has no prediction for issue", "a.jsonl, line 2"
    )
    assert [len(one["authors"]) for one in answer["candidates"]] == [2]
    reason = answer["decisions"][0]["reason"]
    assert "left out: 6 that can't be read, 1 that don't apply" in reason


def test_a_pipe_is_read_like_a_file_and_an_endless_one_is_not_read_on(desk: Desk) -> None:
    os.mkfifo(desk.folder / "pipe.diff")
    writer = threading.Thread(target=(desk.folder / "pipe.diff").write_text, args=(GOOD,))
    writer.start()
    ran = chosen(desk, ["pipe.diff"], "--checks", "check.py")
    writer.join()
    assert_clean(ran, 0)
    assert_clean(chosen(desk, ["/dev/zero"]), 2, "/dev/zero is longer than 33,554,432 bytes")


def test_ten_thousand_candidates_are_looked_at_in_time(desk: Desk) -> None:
    alike = [patch(RIGHT).replace("@@\n", f"@@ {number}\n") for number in range(9_800)]
    others = [patch(f"    return {number}") for number in range(200)]
    put(desk, {"many.jsonl": "".join(map(prediction, (*others, *alike)))})
    ran = chosen(desk, ["many.jsonl"], "--checks", "check.py", "--regression-seconds", "0", "--no-format")
    answer = json.loads(ran.stdout)
    assert_clean(ran, 0, "10,000 patches, of which 10,000 differ, are being applied")
    assert len(answer["candidates"]) <= 100 and len(ran.stdout) < 10_000_000
    assert answer["ranking"][0]["similar"] == 9_799 and "if values else 0.0" in answer["patch"]
    assert "left out: 101 beyond those that can be looked at" in answer["decisions"][0]["reason"]
