"""Commands that wait, never end, hide, destroy or flood: the agent goes on, and its patch is right."""

import re
import shutil
from pathlib import Path

import pytest
from git_kit import Kit
from sandbox_kit import configured
from solving_kit import FILES, RIGHT, bash, open_desk, spoken

from swe_scale.config import Limits
from swe_scale.records import Execution, Sampling, Trajectory
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.loop import run

pytestmark = pytest.mark.anyio
FIRST = Assignment(1, "agent", Sampling())
SUBMIT = "It is complete.\n<submit/>\n"
CHANGE = bash(f"sed -i 's|^    return.*|{RIGHT}|' stats.py", "tail -1 stats.py")
APART = [
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("docker", marks=pytest.mark.docker),
]
KINDS = [pytest.param("local"), *APART]
# How long it took to be killed depends on what else the machine does.
_KILLED = re.compile(r"killed after \d+ s \(wall limit\)")


async def converse(folder: Path, kind: str, *replies: str, limits: Limits | None = None) -> Trajectory:
    """Return the trajectory that comes of these replies, which end by submitting."""
    said = spoken([*replies, SUBMIT])
    bound = limits or Limits(seconds=60)
    async with open_desk(
        folder, said, sandbox=configured(kind), limits=bound, turns=len(replies) + 1
    ) as desk:
        made = await run(desk.setting, FIRST)
    assert made.outcome == "done", made.error
    return made


def executions(made: Trajectory) -> list[Execution]:
    return [turn.edited for turn in made.turns if turn.edited is not None]


def told(made: Trajectory, turn: int) -> str:
    """Return what the model was told after a turn."""
    return made.turns[turn].asked[0].content


WAITING = {
    "a pager": "git -c core.pager=less log; git log; git show --stat",
    "a question": "read -p 'Sure? [y/N] ' answer; echo \"[$answer]\"",
    "an interpreter": "python3; python3 -c 'input()'; python3 -i </dev/tty",
    "an editor of git": "git -c user.name=a -c user.email=a@b commit --allow-empty; "
    "git -c user.name=a -c user.email=a@b commit --amend; "
    "git -c user.name=a -c user.email=a@b rebase -i --root",
    "an editor": '"${EDITOR:-vi}" notes.txt; "${VISUAL:-vi}" notes.txt',
    "a password": "git -c core.askPass= ls-remote https://user@127.0.0.1:9/x; cat </dev/tty",
    "a shell": "bash -i; sh",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_waits_for_a_person(tmp_path: Path, kind: str) -> None:
    made = await converse(tmp_path, kind, *map(bash, WAITING.values()), CHANGE)
    for what, ran in zip(WAITING, executions(made), strict=False):
        assert not ran.timed_out and ran.seconds < 30, what
    question, commits = executions(made)[1], executions(made)[3]
    assert "[]" in question.output
    assert "empty commit message" in commits.output and "Successfully rebased" in commits.output
    assert f"+{RIGHT}\n" in made.patch


INTERACTIVE = {name: line for name, line in {
    "less": "less notes.txt; seq 9999 | less | tail -1",
    "more": "more notes.txt",
    "man": "man ls | head -3",
    "nano": "nano notes.txt",
    "ssh": "ssh -p 9 nobody@127.0.0.1 true",
    "sudo": "sudo -k true",
    "su": "su -c true nobody",
    "top": "top",
    "node": "node",
    "apt-get": "apt-get remove coreutils",
}.items() if shutil.which(name)}  # fmt: skip
"""Programs that talk with a person; those that this machine has."""


@pytest.mark.bubblewrap
async def test_programs_that_talk_with_a_person_end(tmp_path: Path) -> None:
    made = await converse(tmp_path, "bubblewrap", *map(bash, INTERACTIVE.values()), CHANGE)
    for what, ran in zip(INTERACTIVE, executions(made), strict=False):
        assert not ran.timed_out, what
    assert f"+{RIGHT}\n" in made.patch and made.patch.count("diff --git") == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_command_says_how_long_it_may_take(tmp_path: Path, kind: str) -> None:
    made = await converse(
        tmp_path,
        kind,
        bash("# seconds: 1", "echo begun; sleep 600"),
        bash("\n# seconds: 999999", "sleep 1.2"),
    )
    stopped, slow = executions(made)
    assert stopped.timed_out and stopped.seconds < 20 and "begun" in stopped.output
    assert _KILLED.search(told(made, 1))
    assert slow.exit_code == 0 and "Your commands: exit code 0 after 1 s" in told(made, 2)


BACKGROUND = (
    "python3 -m http.server --bind 127.0.0.1 0 & echo started",
    "nohup sleep 600 & echo started",
    "setsid sh -c 'while :; do sleep 1; echo y; done' & echo started",
    "(trap '' HUP TERM INT; sleep 600) & disown; echo started",
    "python3 -c 'import os, time\nif os.fork() == 0:\n    os.setsid()\n"
    "    if os.fork() == 0:\n        time.sleep(600)\n    os._exit(0)'; echo started",
    "sleep 0.1; pgrep -fx 'sleep 600' || echo 'none is left'",
)


@pytest.mark.parametrize("kind", KINDS)
async def test_servers_in_the_background_end_with_the_command(tmp_path: Path, kind: str) -> None:
    made = await converse(tmp_path, kind, *map(bash, BACKGROUND), CHANGE)
    *started, look, _ = executions(made)
    for line, ran in zip(BACKGROUND, started, strict=False):
        assert not ran.timed_out and ran.exit_code == 0 and "started" in ran.output, line
        assert ran.seconds < 30, line
    assert "none is left" in look.output or kind == "local"
    assert "nohup.out" not in made.patch and f"+{RIGHT}\n" in made.patch


@pytest.mark.parametrize("kind", KINDS)
async def test_output_without_end_is_cut_and_stopped(tmp_path: Path, kind: str) -> None:
    made = await converse(
        tmp_path, kind,
        bash("# seconds: 2", "yes"),
        bash("# seconds: 2", "yes | tr -d '\\n'"),
        bash("head -c 300000 /dev/urandom"),
        bash("for n in $(seq 500); do printf '\\r%d %%' $n; done; printf '\\r\\e[32mready\\e[0m\\n'"),
        CHANGE,
        limits=Limits(seconds=60, output=16 * 1024),
    )  # fmt: skip
    endless, line, binary, bar, _ = executions(made)
    for ran in (endless, line):
        assert ran.timed_out and ran.seconds < 20 and ran.truncated > 10**6
    assert binary.truncated > 200_000
    for turn in range(1, 4):
        assert len(told(made, turn)) < 17 * 1024
    assert "more lines like this one …" in told(made, 1) and len(told(made, 1)) < 600
    assert _KILLED.search(told(made, 1)) and "bytes in the middle were left out" in told(made, 1)
    assert "characters left out …" in told(made, 2) and len(told(made, 2)) < 6000
    assert bar.output.count("%") == 500 and "\nready\n" in told(made, 4) and "%" not in told(made, 4)
    assert f"+{RIGHT}\n" in made.patch


DESTROYED = {
    "the repository": "rm -rf .git * .g* .swe-scale; ls -A",
    "the work tree": 'place=$PWD; cd /; rm -rf "$place"; ls -A "$place"',
    "the git folder": "rm -rf .git; git init -q .; git add -A; ls -A",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_agent_that_deletes_the_repository_can_go_on(tmp_path: Path, kind: str) -> None:
    back = bash("printf 'one\\ntwo\\nthree\\nfour\\n' >notes.txt; ls; git log | head -1")
    made = await converse(tmp_path, kind, *map(bash, DESTROYED.values()), back)
    assert "deleted file mode" in made.turns[0].patch and "-def mean(values):" in made.turns[0].patch
    assert "+four" in made.patch and "-def mean(values):" in made.patch and ".git/" not in made.patch


HISTORY = (
    "git -c user.name=a -c user.email=a@b commit -qam 'mine'; git log --oneline | wc -l",
    "git -c user.name=a -c user.email=a@b commit --amend -qm 'other'; git reset -q --hard HEAD",
    "git checkout -q --orphan fresh; git rm -rqf --cached .; "
    "git -c user.name=a -c user.email=a@b commit -qm none --allow-empty; git branch -D -q master main",
    'plant=\'touch PLANTED #\'; git config core.fsmonitor "$plant"; git config diff.external "$plant"; '
    "git config filter.x.clean \"$plant\"; echo '* filter=x' >.git/info/attributes; "
    "printf '#!/bin/sh\\ntouch PLANTED\\n' >.git/hooks/post-index-change; chmod +x .git/hooks/*",
    "echo 'ref: refs/heads/../../x' >.git/HEAD; echo x >.git/index; git gc -q --prune=now",
    "mv .git .kept; ln -s /etc .git; ls .git | head -1",
    "rm .git; mkdir -p .git/objects; mkfifo .git/fifo; rm -rf .kept",
)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_agent_that_rewrites_history_hides_nothing(tmp_path: Path, kind: str) -> None:
    planted = tmp_path / "planted"
    lines = [line.replace("PLANTED", str(planted)) for line in HISTORY]
    made = await converse(tmp_path, kind, CHANGE, *map(bash, lines), bash("echo new >new.txt"))
    changed = made.turns[0].patch
    assert f"+{RIGHT}\n" in changed
    # Where the agent put git's folder away under another name, that is a new folder like any other.
    aside = [number for number, turn in enumerate(made.turns[:-2]) if turn.patch != changed]
    assert [made.turns[number].edited is not None for number in aside] == [True] * len(aside) and len(
        aside
    ) <= 1
    assert made.patch.count("diff --git") == 2 and "+new\n" in made.patch and changed in made.patch
    # In a sandbox its own git could not write there, and ours never looked.
    assert kind == "local" or not planted.exists()


@pytest.mark.parametrize("kind", APART)
async def test_a_flood_of_processes_or_files_is_held(tmp_path: Path, kind: str) -> None:
    limits = Limits(seconds=10, pids=64, disk=32 * 1024**2, memory=256 * 1024**2)
    made = await converse(
        tmp_path, kind, CHANGE,
        bash("# seconds: 3", ":(){ :|:& };:; sleep 2"),
        bash("cat /dev/zero >flood; ls -l flood; rm -f flood; df . | tail -1"),
        bash("# seconds: 3", "python3 -c 'x = bytearray(1 << 30)'; echo $?"),
        bash("tail -1 stats.py; rm -f flood"),
        limits=limits,
    )  # fmt: skip
    forks, flood, memory, last = executions(made)[1:]
    assert forks.limit in ("pids", "wall")
    assert flood.limit == "disk" or "No space left" in flood.output or "File too large" in flood.output
    assert memory.limit == "memory" or "MemoryError" in memory.output or memory.exit_code is None
    assert RIGHT in last.output and made.patch == made.turns[0].patch != ""


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_build_leaves_is_no_part_of_the_patch(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    Kit(source).commit({**FILES, ".gitignore": b"", "Makefile": b"all:\n", "dist/kept.txt": b"1\n"})
    made = await converse(
        tmp_path, kind,
        bash("mkdir -p node_modules/x pkg.egg-info venv sub/__pycache__ dist; touch node_modules/x/i.js",
             "touch pkg.egg-info/PKG-INFO venv/pyvenv.cfg venv/python stats.py.orig a.o nohup.out",
             "cp /bin/true tool; head -c 2000000 /dev/zero >blob; echo 2 >dist/other.txt; touch sub/mod.pyc"),
        bash("echo 'int main(void) { return 0; }' >main.c; gcc -c main.c; gcc -o prog main.o; touch x.rej"),
        CHANGE,
    )  # fmt: skip
    assert made.patch.count("diff --git") == 3
    for name in ("stats.py", "main.c", "dist/other.txt"):
        assert f"diff --git a/{name} b/{name}" in made.patch
    assert "Left out of your changes as a product or junk: a.o, blob, node_modules/" in made.turns[0].note
    assert "main.o, prog, x.rej." in made.turns[1].note and made.turns[2].note == ""
