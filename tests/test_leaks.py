"""Signs of a looked-up answer are found, told from vain attempts, and not seen where there are none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from leaks_kit import BASE, ISSUE, OFFLINE, account, called, findings, found, solution, trajectory, turn
from own_loop import run_async

from swe_scale.analysis.leaks import Fix, find_leaks
from swe_scale.records import Check, Completion, Execution, Message
from swe_scale.repo import Repository

FIX_ID = "deadbee5" * 5
SHOWN = f"commit {FIX_ID}\nAuthor: A <a@b>\nDate:   Mon Mar 4 10:00:00 2024 +0000\n\n    Fix\n"
RECEIVED = "Cloning into 'calendar'...\nReceiving objects: 100% (9/9), done.\n"
OURS = "The repository at the base commit"
MEMORY = "Totals are rounded only after every entry has been added up, never before."
FIX = Fix(
    tests=("tests/test_total.py::Total::test_total_of_an_empty_calendar[utc]", "test_short (a.B)"),
    patch=(
        "diff --git a/calendar/a.py b/calendar/a.py\n--- a/calendar/a.py\n+++ b/calendar/a.py\n"
        f"@@ -1,2 +1,3 @@\n # Sums up all of the entries of a calendar, as they come.\n+    # {MEMORY}\n"
        "+    total = sum(entry.amount for entry in entries if entry)\n"
    ),
)


@pytest.mark.parametrize(
    ("command", "output", "code", "kind", "severity"),
    [
        (f"git show {FIX_ID[:10]}", SHOWN, 0, "commit", "certain"),
        (f"cd /work && git cat-file -p {FIX_ID}", "fatal: Not a valid object name", 128, "commit", "note"),
        (f"git -C . diff {BASE}..{FIX_ID[:8]}", "fatal: ambiguous argument", 128, "commit", "note"),
        (f'bash -c "git checkout {FIX_ID[:8]}"', "HEAD is now at 5", 0, "commit", "likely"),
        (f'python -c "import os; os.system(\'git show {FIX_ID}\')"', SHOWN, 0, "commit", "certain"),
        ("git log --all --oneline", "", 0, "history", "note"),
        ("git reflog", "", 0, "history", "note"),
        ("git fsck --lost-found", "", 0, "history", "note"),
        ("git cat-file --batch-all-objects --batch-check", "", 0, "history", "note"),
        ("cat .git/packed-refs", f"{FIX_ID} refs/tags/v3\n", 0, "history", "likely"),
        ("cat /work/.git/ORIG_HEAD", "cat: ORIG_HEAD: No such file or directory", 1, "history", "note"),
        ("git fetch origin", "From https://x\n * [new branch] main -> origin/main", 0, "history", "certain"),
        ("git pull", "fatal: no remote repository specified", 1, "history", "note"),
        ("git clone https://github.com/acme/calendar", RECEIVED, 0, "history", "certain"),
        ("git clone https://gitee.com/mirrors/thing", OFFLINE, 128, "history", "note"),
        ("curl -sL https://github.com/acme/calendar/pull/98.diff", "diff --git a/x", 0, "address", "certain"),
        ("curl https://raw.githubusercontent.com/acme/calendar/main/a.py", OFFLINE, 6, "address", "note"),
        ("wget -qO- https://api.github.com/repos/Acme/Calendar/pulls", "", None, "address", "likely"),
        ("curl https://patch-diff.example/raw/acme/calendar/pull/9", OFFLINE, 6, "address", "note"),
        ("curl https://pypi.org/pypi/calendar/json", '{"info": {}}', 0, "address", "certain"),
        ("curl https://calendar.readthedocs.io/en/latest/", OFFLINE, 6, "address", "note"),
        ("gh pr diff 12 --repo acme/calendar", "gh: command not found", 127, "address", "note"),
        (
            "python - <<'E'\nimport requests\nrequests.get('https://github.com/acme/calendar/pull/9')\nE",
            "requests.exceptions.ConnectionError: Max retries exceeded",
            1,
            "address",
            "note",
        ),
        ("pip install calendar==2.2", "Successfully installed calendar-2.2", 0, "install", "certain"),
        ("pip3 install -q 'Calendar[all]>=2'", "", 0, "install", "likely"),
        ("python3 -m pip download calendar", "ERROR: No matching distribution found", 1, "install", "note"),
        ("pip index versions calendar", "Available versions: 2.2, 2.1", 0, "install", "certain"),
        ("uv pip install calendar", OFFLINE, 2, "install", "note"),
        ("conda install -y calendar", "PackagesNotFoundError", 1, "install", "note"),
        ("npm view @acme/calendar", "npm ERR! code ENOTFOUND", 1, "install", "note"),
        ("cargo install calendar --version 2.2", "spurious network error", 101, "install", "note"),
        ("gem fetch calendar", "Downloaded calendar-2.2.gem", 0, "install", "certain"),
        ("cat /usr/lib/python3/site-packages/calendar/a.py", "def total():", 0, "installed", "likely"),
        ("sed -n 1,5p x/site-packages/calendar/a.py", "sed: No such file", 2, "installed", "note"),
        (
            "python -c \"print(open('/v/lib/site-packages/calendar/a.py').read())\"",
            "def total():",
            0,
            "installed",
            "likely",
        ),
    ],
)  # fmt: skip
def test_every_kind_of_attempt_is_found_and_told_from_a_success(
    command: str, output: str, code: int | None, kind: str, severity: str
) -> None:
    assert (kind, severity) in found(turn(command, output, code))
    assert [
        one.kind
        for one in find_leaks(solution(trajectory([called(json.dumps({"command": command}), output)])), ISSUE)
    ]


def test_a_pip_install_from_the_projects_own_repository() -> None:
    made = found(turn("pip install git+https://github.com/acme/calendar@main", OFFLINE, 1))
    assert set(made) == {("address", "note"), ("install", "note")}


ORDINARY = (
    ("git status --short", " M calendar/a.py\n", 0),
    ("git diff HEAD", "diff --git a/x b/x\nindex 1234567..89abcde 100644\n", 0),
    ("git log --oneline -5", f"91e1f8c (HEAD -> main) {OURS}\n", 0),
    (
        "git log",
        f"commit 91e1f8c{'0' * 33}\nAuthor: swe-scale <swe-scale>\nDate:   Sat Jan 1 00:00:00 2000\n",
        0,
    ),
    ("git show 91e1f8c --stat", f"commit 91e1f8c{'0' * 33}\n", 0),
    ("git blame -L 1,3 a.py", "^91e1f8c (swe-scale 2000-01-01 1) import x\n", 0),
    (f"git diff {BASE[:8]}", "", 0),
    ("git show 1234abc", "fatal: bad object", 128),
    ("git clone /work /tmp/copy && git clone . ../b", "Cloning into '/tmp/copy'...\ndone.\n", 0),
    ("git stash && git stash pop", f"Saved working directory WIP on main: 91e1f8c {OURS}\n", 0),
    ("git commit -qm x && git log --oneline", "7777abc x\n6666abc y\n91e1f8c z\n", 0),
    (
        "cat poetry.lock",
        '{file = "a.whl", hash = "sha256:' + "ab12" * 16 + '"}\ncommit = "' + "c1" * 20 + '"',
        0,
    ),
    (
        "pip install -e . && pip install -r requirements.txt pytest",
        "Successfully installed calendar-2.1.dev0",
        0,
    ),
    ("pip list | grep calendar; pip show calendar", "calendar 2.1\n", 0),
    ("grep -rn 'pip install calendar' docs", "docs/a.md:1:pip install calendar\n", 0),
    ("sed -i 's#http://x#https://github.com/acme/calendar/issues#' README.md", "", 0),
    (
        "cat > docs/a.md <<'EOF'\ngit clone https://github.com/acme/calendar\npip install calendar\nEOF\nls",
        "docs",
        0,
    ),
    ("cat /v/site-packages/requests/api.py", "def get():", 0),
    ("python -m pytest -q", "E   site-packages/calendar/a.py:1: Error\ncommit 5555abcdef0\n", 1),
    ("find . -path ./.git -prune -o -name '*.py' -print; ls -a .git; cat .git/HEAD", "./a.py\n", 0),
    ("echo 'git fetch origin' > notes; printf 'curl https://github.com/acme/calendar'", "", 0),
    ("curl -s http://localhost:8000/acme", "ok", 0),
)


@pytest.mark.parametrize(("command", "output", "code"), ORDINARY)
def test_ordinary_work_is_no_sign(command: str, output: str, code: int) -> None:
    before = turn("git log -1", f"commit 91e1f8c{'0' * 33}\nAuthor: swe-scale <swe-scale>\n")
    assert [
        one
        for one in findings(before, turn(command, output, code), created="2023-05-01")
        if one.severity != "note"
    ] == []


@pytest.mark.parametrize(("command", "output", "code"), ORDINARY)
def test_nor_is_it_worth_a_note(command: str, output: str, code: int) -> None:
    before = turn("git log -1", f"commit 91e1f8c{'0' * 33}\nAuthor: swe-scale <swe-scale>\n")
    notes = findings(before, turn(command, output, code), created="2023-05-01")
    # Commits of one's own are told from others by the note alone.
    assert not notes or "git commit" in command


def test_history_that_was_not_cut_is_seen_in_what_git_lists() -> None:
    listing = "aaaa111 (origin/main) Fix the total\nbbbb222 Add a test\ncccc333 Begin\n"
    assert ("commit", "likely") in found(turn("git log --oneline", listing))
    assert ("commit", "certain") in found(turn("git show", SHOWN), created="2024-01-01T00:00:00Z")
    reflog = "aaaa111 HEAD@{0}: pull: Fast-forward\nbbbb222 HEAD@{1}: clone: from x\n"
    assert ("commit", "likely") in found(turn("git reflog", reflog))
    lost = f"dangling commit {FIX_ID}\ndangling commit {'ab12' * 10}\n"
    assert ("commit", "likely") in found(turn("git fsck --lost-found", lost))
    one = f"{FIX_ID}\n"
    assert found(turn("git log --format=%H", one)) == []  # the cut repository's own
    assert found(turn("git log --format='%h %cs'", "aaaa111 2024-03-04\n"), created="2024-01-01") == [
        ("commit", "certain")
    ]


def test_the_commit_that_a_real_cut_repository_holds_is_no_sign(tmp_path: Path) -> None:
    def git(*words: str, at: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(command, cwd=tmp_path / at, check=True, capture_output=True, text=True).stdout

    (tmp_path / "source").mkdir()
    git("init", "-q", at="source")
    for text in ("one", "two", "three"):
        (tmp_path / "source" / "a").write_text(text)
        git("add", "-A", at="source")
        git("commit", "-qm", text, at="source")

    async def cut() -> None:
        repository = await Repository.open(str(tmp_path / "source"), tmp_path / "store")
        commit = await repository.resolve("HEAD~1")
        await repository.export(await repository.tree_of(commit), tmp_path / "cut", None)

    run_async(cut)
    asked = (
        ("log",), ("log", "--oneline"), ("log", "--format=fuller"), ("show", "--stat"), ("branch", "-av"),
        ("rev-list", "HEAD"), ("for-each-ref",), ("show-ref",), ("rev-parse", "HEAD"), ("blame", "a"),
    )  # fmt: skip
    turns = [turn(f"git {' '.join(words)}", git(*words, at="cut")) for words in asked]
    assert find_leaks(solution(trajectory(turns)), ISSUE, "1999-01-01") == ()
    whole = [turn(f"git {' '.join(words)}", git(*words, at="source")) for words in asked]
    assert {one.kind for one in find_leaks(solution(trajectory(whole)), ISSUE, "2001-01-01")} == {"commit"}


def test_what_is_only_mentioned() -> None:
    known = "As the issue says, https://github.com/acme/calendar/pull/99 and commit 1234abc are the cause."
    assert found(turn("", reply=known)) == []
    assert (
        found(turn("", reply="See https://github.com/acme/calendar and https://docs.python.org/pull/3."))
        == []
    )
    recalled = "I recall https://github.com/acme/calendar/pull/101, merged as commit 77fe3ab."
    assert found(turn("", reply=recalled)) == [("address", "note"), ("commit", "note")]
    changes = turn("cat CHANGES", "See https://github.com/acme/calendar/pull/101 (commit 77fe3ab)\n")
    assert found(changes, turn("", reply=recalled)) == []


def test_names_of_hidden_tests_and_comments_of_the_fix() -> None:
    name = "test_total_of_an_empty_calendar"
    written = turn(f"cat > t.py <<E\ndef {name}(): pass\nE")
    assert found(written, fix=FIX) == [("hidden-test", "likely")]
    assert found(written) == []
    assert found(turn("cat tests/test_total.py", f"def {name}():\n"), written, fix=FIX) == []
    remembered = turn("", reply=f"The change:\n    # {MEMORY}\n    total = 0\n")
    assert found(remembered, fix=FIX) == [("memory", "note")]
    assert found(turn("cat a.py", f'    """{MEMORY}\n'), remembered, fix=FIX) == []
    context = turn("", reply="# Sums up all of the entries of a calendar, as they come.\n")
    assert found(context, fix=FIX) == []
    asked = remembered.model_copy(update={"asked": (Message(role="user", content=f"a.py:\n# {MEMORY}\n"),)})
    assert found(asked, fix=FIX) == []
    made = find_leaks(solution(trajectory(patch=FIX.patch)), ISSUE, "", FIX)
    assert [(one.kind, one.where, one.turn) for one in made] == [("memory", "patch", 0)]


def test_a_check_and_a_turn_that_runs_it() -> None:
    script = "import urllib.request as u\nu.urlopen('https://github.com/acme/calendar/pull/100.diff')\n"
    reply = Completion(text=f"<check>\n{script}</check>\n")
    offline = Execution(
        exit_code=1, output="urllib.error.URLError: <urlopen error Temporary failure in name resolution>"
    )
    tried = turn("").model_copy(update={"completion": reply, "untouched": offline, "edited": None})
    assert ("address", "note") in found(tried)
    never = tried.model_copy(update={"untouched": None})
    assert ("address", "note") in found(never)
    kept = trajectory(check=Check.of(script, "reproduction"))
    assert [(one.kind, one.where) for one in find_leaks(solution(kept), ISSUE)] == [("address", "check")]


def test_an_agent_of_somebody_elses() -> None:
    first = json.dumps({"messages": [{"role": "user", "content": f"The issue: {ISSUE.body}"}]})
    brought = json.dumps(
        {
            "messages": [
                {"role": "assistant", "content": "x"},
                {"role": "tool", "content": "Successfully installed calendar-3"},
            ]
        }
    )
    vain = {
        "role": "user",
        "content": [{"type": "tool_result", "content": [{"type": "text", "text": OFFLINE}]}],
    }
    last = json.dumps({"messages": [vain]})
    made = find_leaks(
        solution(
            trajectory(
                account=account(
                    ('{"command": "pip install calendar"}', first),
                    (
                        '{"command": ["bash", "-lc", "curl https://github.com/acme/calendar/pull/7.diff"]}',
                        brought,
                    ),
                    ('{"command": "pip download calendar"}', last),
                    ("{broken: pip install calendar", "[" * 100_000),
                )
            )
        ),
        ISSUE,
    )
    assert [(one.turn, one.kind, one.severity) for one in made] == [
        (1, "install", "certain"),
        (2, "address", "note"),
        (3, "install", "likely"),
    ]


@pytest.mark.parametrize(
    ("repo", "name"),
    [
        ("https://github.com/acme/calendar.git", "x-1"),
        ("git@github.com:acme/calendar", "x-1"),
        ("/srv/repos/acme__calendar", "x-1"),
        ("/srv/anywhere", "acme__calendar-12"),
        ("acme/calendar", "x-1"),
    ],
)
def test_the_project_is_known_wherever_it_was_cloned_from(repo: str, name: str) -> None:
    issue = ISSUE.model_copy(update={"repo": repo, "id": name})
    for command in ("curl https://github.com/acme/calendar/pull/9.diff", "pip install calendar"):
        assert find_leaks(solution(trajectory([turn(command)])), issue), command


HOSTILE = {
    "hex": "ab1" * 350_000,
    "ids": "ab12cd34 " * 120_000,
    "lines": "commit ab12cd34\n" * 70_000,
    "spaces": "* a" + " " * 1_000_000,
    "stars": "*|\\/ " * 200_000,
    "addresses": "https://github.com/acme/calendar/pull/" * 27_000,
    "pulls": "".join(f"https://github.com/acme/calendar/pull/{number}\n" for number in range(22_000)),
    "schemes": "http://" * 150_000,
    "calls": "requests.get(" * 80_000,
    "runs": "run(" * 260_000,
    "documents": "cat <<EOF\n" * 100_000,
    "fences": "```bash\n" * 130_000,
    "checks": "<check>\n" * 130_000,
    "parts": "git;" * 260_000,
    "dollars": "$(git log " * 100_000,
    "words": "test_total_of_an_empty_calendar" * 32_000,
    "downloads": "downloading " + "a." * 500_000,
    "brackets": "pip install calendar" + "[" * 1_000_000,
    "nothing": "\0" * 1_000_000,
    "halves": "\ud800" * 1_000_000,
}

APART = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from test_leaks import FIX, HOSTILE
from leaks_kit import ISSUE, called, solution, trajectory, turn
from swe_scale.analysis.leaks import find_leaks
text = HOSTILE[sys.argv[2]]
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
turns = [turn(text, text), turn("git log --all", text), turn("", reply=text), called(text, text)]
made = find_leaks(solution(trajectory(turns, patch="+" + text)), ISSUE, "2024-01-01", FIX)
assert len(made) <= 140 and all(len(one.excerpt) <= 200 for one in made)
print("ended")
"""


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_texts_of_a_megabyte_that_try_to_hold_it_up(name: str) -> None:
    command = [sys.executable, "-c", APART, str(Path(__file__).parent), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "ended\n", done.stderr[-2000:]


def test_deep_arguments_and_many_trajectories() -> None:
    deep = "[" * 5_000 + '"git reflog"' + "]" * 5_000
    assert found(called(deep)) == [] or found(called(deep)) == [("history", "note")]
    many = [turn(f"git show {number:07x}a", SHOWN) for number in range(100)]
    assert len(findings(*many)) <= 40
