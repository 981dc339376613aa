"""Agents that aren't ours: what they change and ask is taken, and however they behave, it ends well."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from chat_protocol import error
from chat_script import ANY
from external_kit import RIGHT, agent, answering, open_served, run
from sandbox_kit import configured
from solving_kit import open_desk, spoken

from swe_scale.config import Budget, Limits
from swe_scale.errors import EndpointRefused, UsageError
from swe_scale.records import Account, Trajectory, TrajectoryOutcome
from swe_scale.store import Key

pytestmark = pytest.mark.anyio
KEY = "sk-canary-of-an-agent-1"
CHECK = 'import os; os.makedirs(".swe-scale"); open(".swe-scale/check.sh", "w").write("exit 42")'
ISOLATING = pytest.mark.parametrize(
    "kind",
    [
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    ],
)


def changed(made: Trajectory) -> list[str]:
    """Return the paths that a trajectory changes."""
    return [line.split(" b/")[1] for line in made.patch.splitlines() if line.startswith("diff --git")]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


async def test_what_an_agent_changes_and_asks_is_taken(tmp_path: Path) -> None:
    lines = (
        "import sys",
        "print(sys.stdin.read())",
        "print(ask()[0], ask(stream=True)[0])",
        CHECK,
        'open("own.log.txt", "w").write("what I did")',
        'open(".mine.db", "w").write("x")',
        'os.makedirs("build"); open("build/made.o", "w").write("x")',
        RIGHT,
    )
    with answering(["the first", "the second"], key=KEY) as server:
        async with open_served(tmp_path, server) as desk:
            made = await run(desk, agent(*lines), transcript="own.log.txt", own=(".mine*",))
        assert [call.body["model"] for call in server.calls] == ["scripted"] * 2
        assert [call.step for call in server.calls] == [f"pkg-1/trajectory/01/request/{n:03}" for n in (1, 2)]
    assert (made.outcome, made.error, made.turns) == ("done", "", ())
    assert changed(made) == ["stats.py"] and "max(len(values), 1)" in made.patch
    assert made.check and (made.check.language, made.check.script) == ("sh", "exit 42")
    assert made.usage.calls == 2 and made.usage == desk.setting.ledger.by_stage["trajectory"]
    assert made.account and made.account.own == "what I did"
    assert "mean() of nothing" in made.account.execution.output and "200 200" in made.account.execution.output
    said = [one.completion.text for one in made.account.exchanges if one.completion]
    assert said == ["the first", "the second"]
    assert KEY not in made.model_dump_json()


async def test_words_are_filled_in_once(tmp_path: Path) -> None:
    shown = 'import json, os, sys; print(json.dumps([sys.argv[1:], os.environ["X"], sys.stdin.read()]))'
    words = ("{model}", "{base_url}", "{prompt}", "{unknown}", '{"a": "{home}"}')
    with answering() as server:
        async with open_served(tmp_path, server) as desk:
            made = await run(
                desk, ("python3", "-c", shown, *words), variables={"X": "{workdir} {issue}"}, issue="file"
            )
    assert made.account is not None
    said = made.account.execution.output
    assert '["scripted", "http://127.0.0.1:' in said and '/v1", "Resolve the following issue' in said
    assert '"{unknown}", "{\\"a\\": \\"/' in said and said.endswith(', ""]\n')
    assert "issue.md" in said and made.outcome == "failed"
    assert "- `stats.py`\\n- `near.py`: calls mean\\n" in said, "the ranking is where it begins"


@dataclass(frozen=True)
class Case:
    """An agent, and how it ends."""

    lines: tuple[str, ...]
    outcome: TrajectoryOutcome
    said: str = ""
    paths: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    seconds: float = 120.0
    holds: Callable[[Trajectory], bool] = lambda made: True


SEARCH = """
import pathlib, subprocess
mark = "sk-" + "canary"
found = {}
for place in [*pathlib.Path("/proc").glob("[0-9]*/environ"), *pathlib.Path("/proc").glob("[0-9]*/cmdline")]:
    try: found[str(place)] = mark.encode() in place.read_bytes()
    except OSError: pass
grep = f"grep -rlI {mark} /tmp /home /root /run /scratch /work /etc /var 2>/dev/null"
found["files"] = bool(subprocess.run(["sh", "-c", grep], capture_output=True).stdout)
found["replies"] = mark in str(ask()) + str(ask("/nowhere")) + str(ask(n=3))
print(sorted(place for place in found if found[place]), len(found))
"""
COMMIT = (
    "import subprocess",
    RIGHT,
    'git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]',
    'subprocess.run([*git, "commit", "-qam", "mine"], check=True)',
    'subprocess.run([*git, "commit", "-q", "--amend", "-m", "other", "--allow-empty"], check=True)',
    'subprocess.run(["git", "config", "core.fsmonitor", "touch /tmp/hit"], check=True)',
)
DAEMON = """
import subprocess, sys
loop = "import time, pathlib\\nwhile True:\\n  open('late.txt', 'a').write('x')\\n  time.sleep(0.01)"
subprocess.Popen([sys.executable, "-c", loop], start_new_session=True)
"""
FLOOD = """
try:
    with open("flood.bin", "wb") as file:
        while True: file.write(os.urandom(1 << 20))
except OSError as error: sys.exit(str(error))
"""
CASES = {
    "works": Case(("ask()", RIGHT), "done", paths=("stats.py",)),
    "isn't there": Case((), "failed", "its command can't be run", command=("/nonexistent/agent", "--yes")),
    "isn't in the path": Case((), "failed", "its command can't be run", command=("no-such-agent",)),
    "can't be run": Case((), "failed", "its command can't be run", command=("/etc/passwd",)),
    "never ends": Case(
        (RIGHT, "import time; time.sleep(600)"), "turns", "it was ended after 3 s", ("stats.py",), seconds=3.0
    ),
    "wants a terminal": Case(('open("/dev/tty")',), "failed", "exit code 1"),
    "waits for a person": Case(
        ('open("/dev/stdin").read(); input("Continue? [y/n]")',), "failed", "EOFError"
    ),
    "changes nothing": Case(("ask()",), "done"),
    "does nothing": Case((), "failed", "it asked its model nothing, and changed nothing"),
    "fails with changes": Case((RIGHT, "sys.exit(3)"), "done", "exit code 3", ("stats.py",)),
    "fails without": Case(("ask()", "sys.exit('no idea')"), "failed", "no idea"),
    "deletes the repository": Case(
        (
            "import shutil",
            "for one in os.listdir(): shutil.rmtree(one, True) or os.path.isfile(one) and os.unlink(one)",
        ),
        "failed",
        "it deleted the repository",
    ),
    "commits and rewrites": Case(COMMIT, "done", paths=("stats.py",)),
    "leaves a daemon": Case((DAEMON, RIGHT), "done"),
    "floods the disk": Case((RIGHT, FLOOD), "done"),
    "talks without end": Case(
        (RIGHT, "for _ in range(300_000): print('x' * 100)"), "done", paths=("stats.py",)
    ),
    "writes elsewhere": Case(
        (
            RIGHT,
            "for place in ('/etc/evil', '/usr/evil', '/run/evil', '/scratch/evil', '/tmp/evil'):",
            "    try: open(place, 'w').write('x')",
            "    except OSError: pass",
        ),
        "done",
        paths=("stats.py",),
    ),
    "asks another host": Case(
        (
            "for base in ('http://example.org/v1', 'http://169.254.169.254', 'https://1.1.1.1'):",
            "    try: print('GOT', ask(base=base)[0])",
            "    except OSError as error: print('no', error)",
            "ask()",
        ),
        "done",
        holds=lambda made: "GOT 200" not in output(made) and len(made.account.exchanges) == 1,  # type: ignore[union-attr]
    ),
}


def output(made: Trajectory) -> str:
    """Return what an agent said."""
    assert made.account is not None
    return made.account.execution.output


@ISOLATING
async def test_however_an_agent_behaves_it_ends_well(tmp_path: Path, kind: str) -> None:
    with answering(key=KEY) as server:
        async with open_served(tmp_path, server, sandbox=configured(kind), limits=SMALL) as desk:
            for name, case in CASES.items():
                command = case.command or agent("import sys", *case.lines)
                made = await run(desk, command, seconds=case.seconds)
                told = f"{name}: {made.outcome}, {made.error}, {changed(made)}, {output(made)[-500:]}"
                assert made.outcome == case.outcome, told
                assert case.said in made.error and "\n" not in made.error.strip(), told
                if case.outcome != "done" or case.paths:
                    assert tuple(changed(made)) == case.paths, told
                assert case.holds(made), told
                assert KEY not in made.model_dump_json() and "Traceback" not in made.error, told
            assert not (tmp_path / "late.txt").exists()
            noted = [text for text in desk.texts("note") if "didn't reach" in text]
            assert any("example.org" in text for text in noted)


@ISOLATING
async def test_the_key_is_nowhere(tmp_path: Path, kind: str) -> None:
    with answering(key=KEY) as server:
        async with open_served(tmp_path, server, sandbox=configured(kind)) as desk:
            made = await run(desk, agent(SEARCH))
            # It would have found it.
            given = await run(desk, agent(SEARCH), variables={"X": "sk-canary"})
    assert output(made).startswith("[] "), output(made)
    assert "/environ" in output(given)


SMALL = Limits(seconds=60.0, disk=32 << 20, memory=512 << 20, output=4096)


async def test_its_requests_are_counted(tmp_path: Path) -> None:
    with answering() as server:
        async with open_served(tmp_path, server) as desk:
            made = await run(desk, agent(RIGHT, "print([ask()[0] for _ in range(4)])"), requests=2)
        assert len(server.calls) == 2
    assert made.outcome == "turns" and "2 requests" in made.error and changed(made) == ["stats.py"]
    assert "[200, 200, 402, 402]" in output(made)


async def test_the_budget_of_the_issue_ends_it(tmp_path: Path) -> None:
    with answering() as server:
        async with open_served(tmp_path, server, budget=Budget(tokens=100)) as desk:
            made = await run(desk, agent("print(ask())"))
        assert not server.calls
    assert made.outcome == "budget" and "of 100 100 are left" in made.error


async def test_one_that_goes_on_asking_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swe_scale.models.gateway.gateway._GRACE", 0.2)
    with answering() as server:
        async with open_served(tmp_path, server) as desk:
            made = await run(desk, agent(RIGHT, "while True: ask()"), requests=1, seconds=200.0)
    assert made.outcome == "turns" and changed(made) == ["stats.py"]
    assert made.account and made.account.execution.exit_code == 137


async def test_the_end_of_the_issue_s_time_ends_it(tmp_path: Path) -> None:
    with answering() as server:
        async with open_served(tmp_path, server) as desk:
            desk = replace(desk, setting=replace(desk.setting, deadline=anyio.current_time() + 3.0))
            made = await run(desk, agent(RIGHT, "import time; time.sleep(300)"))
            late = replace(desk, setting=replace(desk.setting, deadline=anyio.current_time()))
            after = await run(late, agent(RIGHT))
    assert (made.outcome, made.error, changed(made)) == ("budget", "the time is over", ["stats.py"])
    assert (after.outcome, after.error, after.patch) == ("budget", "the time is over", "")


LINKS = 'os.symlink("/tmp/x", "data"); os.symlink("../../up", "up")'
REPLACED = 'os.unlink("notes.txt"); os.symlink("/etc/passwd", "notes.txt")'


@pytest.mark.parametrize(
    ("lines", "fields", "outcome", "said"),
    [
        ((), {}, "done", ""),
        (("import sys; sys.exit(3)",), {}, "done", "exit code 3"),
        (("import time; time.sleep(300)",), {"seconds": 3.0}, "turns", "it was ended after 3 s"),
        (("[ask() for _ in range(3)]",), {"requests": 2}, "turns", "2 requests"),
    ],
)
async def test_a_stray_link_costs_nothing_else_and_is_named(
    tmp_path: Path, lines: tuple[str, ...], fields: dict[str, Any], outcome: str, said: str
) -> None:
    with answering() as server:
        async with open_served(tmp_path, server) as desk:
            made = await run(desk, agent(RIGHT, LINKS, *lines), **fields)
            whole = await run(desk, agent(RIGHT, REPLACED, *lines), **fields)
    assert (made.outcome, changed(made)) == (outcome, ["stats.py"])
    for why in (said, "data -> /tmp/x: a symbolic link must be relative", "leads out of the repository"):
        assert why in made.error and "\n" not in made.error
    # What replaces a file of the repository can't be left out: the rest may build on it.
    assert whole.patch == "" and "can't be taken over as they are: notes.txt -> /etc/passwd" in whole.error
    assert (said if outcome == "turns" else "") in whole.error


async def test_an_endpoint_that_refuses_the_key_stops_the_run(tmp_path: Path) -> None:
    with answering(key=KEY) as server:
        async with open_served(tmp_path, server) as desk:
            server.key = "sk-another-key"
            with pytest.raises(EndpointRefused, match="refuses the key") as caught:
                await run(desk, agent("while True: print(ask())"))
    assert KEY not in str(caught.value)


async def test_an_endpoint_that_fails_is_named_in_the_record(tmp_path: Path) -> None:
    with answering(faults={ANY: [error(500, "out of memory"), error(500, "out of memory")]}) as server:
        async with open_served(tmp_path, server) as desk:
            made = await run(desk, agent("import sys", "ask()", "sys.exit(1)"))
            assert made.outcome == "failed" and "out of memory" in made.error
            # The trajectory isn't, so that a later run may make it anew.
            kept = desk.steps.recorded(Key("pkg-1/trajectory/01/account", "1"), Account)
    assert kept is not None and kept == made.account


async def test_a_model_in_files_is_none_for_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path, spoken(())) as desk:
        with pytest.raises(UsageError, match="needs an endpoint"):
            await run(desk, agent(RIGHT))


async def test_money_without_a_price_is_refused(tmp_path: Path) -> None:
    with answering() as server:
        async with open_served(tmp_path, server) as desk:
            with pytest.raises(UsageError, match="needs a price"):
                await run(desk, agent(RIGHT), usd=1.0)


async def test_agents_take_no_slot_from_those_who_compute(tmp_path: Path) -> None:
    """With every slot taken by agents that wait for their model, no check could run."""
    with answering() as server:
        async with open_served(tmp_path, server) as desk:
            slots = desk.setting.cells.slots
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(run, desk, agent("import time; time.sleep(1)"))
                await anyio.sleep(0.5)
                assert slots.available_tokens == slots.total_tokens
