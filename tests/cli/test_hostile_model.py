"""A model that does its worst: nothing leaves the sandbox, the host runs nothing of it, work survives."""

import json
import os
from pathlib import Path

import pytest
from main_job import RIGHT, Desk, agent_replies, assert_clean, bash, check, edit, endpoint, git, replies
from scripted_server import ScriptedServer

OUTSIDE = (
    "../outside", "/etc/swe-scale-test", ".git/hooks/pre-commit", ".GIT/config", "a/../../b", "git~1/config",
    ".git./config", "sub/.git/config", "a/./b", "a//b",
)  # fmt: skip
FIX = f"sed -i 's|    return sum.*|{RIGHT}|' stats.py"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def create(path: str) -> str:
    return f'Like this.\n<create path="{path}">\nevil\n</create>\n'


def test_edits_that_leave_the_repository_are_refused_one_by_one(desk: Desk) -> None:
    victim = desk.folder / "victim"
    victim.mkdir()
    (victim / "file.py").write_text("x = 1\n")
    (desk.repository / "away").symlink_to(victim)
    (desk.repository / "alias.py").symlink_to("stats.py")
    git(desk.repository, "add", "-A")
    git(desk.repository, "commit", "-qm", "links")
    written = replies((RIGHT, RIGHT))
    steps = [*(create(path) for path in (*OUTSIDE, "alias.py")), edit(RIGHT).replace("stats.py", "alias.py")]
    steps.append(edit(RIGHT).replace("stats.py", "away/file.py").replace("return sum", "x = sum"))
    steps.append('Moved.\n<rename from="stats.py" to="../stats.py"/>\n')
    first = [written["trajectory/01/turn/01"], *steps, edit(RIGHT), create("away/new.py") + "<done/>\n"]
    written |= {f"trajectory/01/turn/{number:02}": text for number, text in enumerate(first, start=1)}
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        ran = desk.solve("--samples", "2", "--turns", "20", "--json", *endpoint(server.base_url))
        told = [call.body["messages"][-1]["content"] for call in server.calls if "trajectory/01" in call.step]
    assert_clean(ran, 0)
    refusals = told[2 : 2 + len(steps)]
    assert len(refusals) == len(steps)
    for text in refusals:
        assert any(
            word in text for word in ("must stay below", "git's own folder", "exists", "no file", "link")
        )
    assert sorted(os.listdir(victim)) == ["file.py"] and (victim / "file.py").read_text() == "x = 1\n"
    assert not (desk.folder / "outside").exists() and not Path("/etc/swe-scale-test").exists()
    assert "stats.py" in json.loads(ran.stdout)["patch"]


def mischief(canary: Path) -> tuple[str, ...]:
    """Return commands that plant, link, wipe and rewrite whatever they can, and then clean up."""
    config = [f"[core]\n\tfsmonitor = touch {canary}\n\thooksPath = hooks\n\tpager = touch {canary}"]
    config += [f'[diff]\n\texternal = touch {canary}\n[filter "x"]\n\tclean = touch {canary}']
    hooks = "pre-commit post-checkout post-index-change reference-transaction"
    return (
        f"ln -s /etc/passwd out; ln -s ../../../.. up; mkfifo pipe; {FIX}",
        "rm out up pipe; ln -s .git/config inside",
        "rm inside; mkdir -p hooks .git/hooks; cat >> .git/config <<'END'\n" + "\n".join(config) + "\nEND\n"
        f"for hook in {hooks}; do\nprintf '#!/bin/sh\\ntouch {canary}\\n' > hooks/$hook\n"
        "chmod +x hooks/$hook; cp hooks/$hook .git/hooks/$hook\ndone\n"
        "printf '*.py filter=x diff=x\\n' > .gitattributes",
        "rm -rf .git hooks .gitattributes; git init -q . && git add -A\n"
        "git -c user.name=x -c user.email=x commit -qm rewritten\n"
        f"git update-index --add --cacheinfo 160000,{'1' * 40},sub\n"
        "mkdir sub && cd sub && git init -q . && echo x > file && git add file\n"
        "git -c user.name=x -c user.email=x commit -qm sub",
        "rm -rf sub .git; echo 'gitdir: /etc' > .git",
    )


@pytest.mark.parametrize("sandbox", ["local", pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)])
def test_an_agent_that_plants_links_hooks_and_histories(desk: Desk, sandbox: str) -> None:
    canary = desk.folder / "canary"
    written = agent_replies(2, *mischief(canary))
    written |= {f"trajectory/03/turn/{number:02}": text for number, text in enumerate((
        written["trajectory/01/turn/01"], bash("rm -rf ./* ./.[a-z]*; ls -A"), "<submit/>\n",
    ), start=1)}  # fmt: skip
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        ran = desk.run(
            "run", str(desk.issue), "--repo", str(desk.repository), "--sandbox", sandbox,
            "--strategy", "agent=3", "--turns", "9", "--json", "--apply", *endpoint(server.base_url),
        )  # fmt: skip
        told = [call.body["messages"][-1]["content"] for call in server.calls if "trajectory/01" in call.step]
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    assert "the symbolic link leads out of the repository" in told[2]
    assert "the symbolic link leads into git's own folder" in told[3]
    assert not canary.exists(), "something that the agent planted was run"
    assert git(desk.repository, "diff", "--stat").startswith("stats.py | 2 +-")
    assert [one["outcome"] for one in answer["trajectories"]] == ["done"] * 3
    wiped = next(one for one in answer["candidates"] if one["authors"] == [3])
    assert wiped["patch"].count("deleted file mode") == 3 and answer["candidate"] != wiped["id"]


def test_checks_that_fill_hang_and_fake(desk: Desk) -> None:
    liar = "<check>\nimport os, sys\nprint('x' * 5_000_000, flush=True)\nos._exit(0)\n</check>\n"
    slow = check().replace("import sys\n", "import sys, time\ntime.sleep(60)\n", 1)
    written = replies((RIGHT, RIGHT, RIGHT))
    written["trajectory/01/turn/01"] = "So.\n" + liar
    written["trajectory/02/turn/01"] = "So.\n" + slow
    config = desk.folder / "config.toml"
    config.write_text("[limits]\nseconds = 1.0\noutput = 4096\n")
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        ran = desk.solve("--samples", "3", "--json", "--config", str(config), *endpoint(server.base_url))
        longest = max(len(json.dumps(call.body)) for call in server.calls)
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    outcomes = {one["outcome"] for one in answer["verdicts"] if one["candidate"] == "base"}
    assert {"error", "timeout", "fail"} <= outcomes
    assert longest < 100_000 and len(ran.stdout) < 200_000
