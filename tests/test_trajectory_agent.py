"""Strategy `agent`: whole conversations with written replies, over a real repository and sandbox."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from git_kit import Kit, git
from solving_kit import (
    FILES,
    LIMITS,
    LOCAL,
    RIGHT,
    Desk,
    Spoken,
    bash,
    open_desk,
    spoken,
)

from swe_scale.config import Bubblewrap, Limits, SandboxConfig
from swe_scale.errors import SandboxError
from swe_scale.records import BASE, Sampling, Trajectory
from swe_scale.sandbox import Sandbox, Template
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.loop import run

pytestmark = pytest.mark.anyio
FIRST = Assignment(1, "agent", Sampling())
SUBMIT = "It is complete.\n<submit/>\n"
SCRIPT = (
    "import sys",
    "from stats import mean",
    "try:",
    "    sys.exit(0 if mean([]) == 0.0 else 42)",
    "except ZeroDivisionError:",
    "    sys.exit(42)",
)
WRITE_CHECK = bash("mkdir -p .swe-scale", "cat >.swe-scale/check.py <<'E'", *SCRIPT, "E")
RUN_CHECK = bash("PYTHONPATH=.:src python3 .swe-scale/check.py; echo said $?")
CHANGE = bash(f"sed -i 's/^    return.*/{RIGHT.replace('/', chr(92) + '/')}/' stats.py", "tail -1 stats.py")
BACKENDS = [
    pytest.param(LOCAL, id="local"),
    pytest.param(Bubblewrap(), id="bubblewrap", marks=pytest.mark.bubblewrap),
]


async def converse(
    folder: Path, replies: Sequence[str], sandbox: SandboxConfig = LOCAL, limits: Limits = LIMITS
) -> Trajectory:
    """Return the trajectory that comes of these replies."""
    async with open_desk(folder, spoken(replies), sandbox=sandbox, limits=limits) as desk:
        return await run(desk.setting, FIRST)


def outputs(made: Trajectory) -> list[str]:
    return [turn.edited.output for turn in made.turns if turn.edited is not None]


@pytest.mark.parametrize("sandbox", BACKENDS)
async def test_it_explores_checks_changes_submits(tmp_path: Path, sandbox: SandboxConfig) -> None:
    replies = [
        bash("ls; cat stats.py"),
        WRITE_CHECK,
        RUN_CHECK,
        CHANGE,
        RUN_CHECK,
        SUBMIT,
    ]
    async with open_desk(tmp_path, spoken(replies), sandbox=sandbox) as desk:
        made = await run(desk.setting, FIRST)
        assert made.check is not None
        verdicts = [await desk.setting.cells.verdict(made.check, tree) for tree in (BASE, made.tree)]
    assert (made.outcome, [turn.action for turn in made.turns]) == ("done", ["bash"] * 5 + ["done"])
    assert "def mean" in outputs(made)[0]
    assert outputs(made)[2].strip() == "said 42" and outputs(made)[4].strip() == "said 0"
    assert [bool(turn.patch) for turn in made.turns] == [False, False, False, True, True, True]
    assert f"+{RIGHT}\n" in made.patch and ".swe-scale" not in made.patch
    assert made.check.script.splitlines() == list(SCRIPT)
    assert (made.check.author, made.check.kind) == (1, "reproduction")
    assert [verdict.outcome for verdict in verdicts] == ["fail", "pass"]


async def test_files_last_from_one_reply_to_the_next_and_nothing_else(tmp_path: Path) -> None:
    replies = [bash("export A=1; cd /; echo x >$HOME/kept"), bash('echo "[$A]"; pwd; cat $HOME/kept'), SUBMIT]
    made = await converse(tmp_path, replies)
    variable, folder, kept = outputs(made)[1].split()
    assert (variable, kept) == ("[]", "x") and folder != "/"
    assert all(not turn.note for turn in made.turns)


async def test_what_the_repository_ignores_is_no_part_of_the_patch(tmp_path: Path) -> None:
    junk = bash("mkdir build; touch build/x run.log; python3 -c 'import stats'; echo new >kept.txt")
    made = await converse(tmp_path, [junk, SUBMIT])
    assert "kept.txt" in made.patch
    for name in ("build", "run.log", "__pycache__"):
        assert name not in made.patch


async def test_git_in_the_sandbox_is_its_own(tmp_path: Path) -> None:
    replies = [
        CHANGE,
        bash("git -c user.name=a -c user.email=a@example.org commit -qam x; git log --oneline | wc -l"),
        bash("rm -rf .git; ls -a"),
        bash(
            "mkdir .git; printf '[core]\\n\\tfsmonitor = touch /tmp/planted\\n' >.git/config; echo y >new.txt"
        ),
        SUBMIT,
    ]
    made = await converse(tmp_path, replies)
    assert made.outcome == "done" and outputs(made)[1].strip() == "2"
    assert made.turns[0].patch == made.turns[1].patch == made.turns[2].patch != ""
    assert "new.txt" in made.patch and "fsmonitor" not in made.patch


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("ln -sf /etc/passwd stats.py", "must be relative"),
        ("truncate -s 1G f0", "exceed"),
    ],
)
async def test_what_can_not_be_taken_over_is_said_and_nothing_is_lost(
    tmp_path: Path, command: str, told: str
) -> None:
    kept = bash("cp stats.py stats.txt")
    undo = bash("rm -f f0 stats.py; mv stats.txt stats.py; echo fine")
    made = await converse(tmp_path, [CHANGE, kept, bash(command), undo, SUBMIT])
    change, _, fault, undone, _ = made.turns
    assert told in fault.note and fault.note in undone.asked[0].content
    assert fault.patch != undone.patch == change.patch == made.patch != ""
    assert undone.note == ""


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("ln -s /tmp/x data", "data -> /tmp/x: a symbolic link must be relative and not empty."),
        ("ln -s ../../secret out", "leads out of the repository"),
        ("echo x >f; ln -s f .gitmodules; rm f", "git forbids a symbolic link of this name"),
        ("mkdir -p a/.GIT; touch a/.GIT/config a/.GIT/b a/.GIT/c a/.GIT/d", "can't be changed. 1 more."),
        ("mkdir -p sub; echo x >sub/f", "sub/f: is in a submodule"),
        ("ln -s /tmp/x run.log", ""),
        ("mkdir -p node_modules/.bin; ln -s /usr/bin/node node_modules/.bin/node", "product or junk"),
    ],
)
async def test_a_new_file_that_no_patch_may_hold_is_left_out_alone(
    tmp_path: Path, command: str, told: str
) -> None:
    source = Kit(tmp_path / "source")
    source.commit(dict(FILES))
    git(source.folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    git(source.folder, "commit", "-qm", "a submodule")
    made = await converse(tmp_path, [CHANGE, bash(command), bash("echo more >more.txt"), SUBMIT])
    change, fault, after, _ = made.turns
    assert told in fault.note and bool(told) == bool(fault.note) and fault.note in after.asked[0].content
    assert fault.patch == change.patch and "+more" in after.patch == made.patch
    assert after.note == "", "it is said once"


async def test_a_link_within_the_work_tree_is_kept(tmp_path: Path) -> None:
    made = await converse(tmp_path, [bash("ln -s stats.py alias.py; chmod +x notes.txt"), SUBMIT])
    assert "new file mode 120000" in made.patch and "new mode 100755" in made.patch


async def test_a_check_in_shell(tmp_path: Path) -> None:
    made = await converse(tmp_path, [bash("mkdir .swe-scale; echo 'exit 42' >.swe-scale/check.sh"), SUBMIT])
    assert made.check is not None
    assert (made.check.language, made.check.script) == ("sh", "exit 42\n")


async def test_a_check_that_is_a_link_is_none(tmp_path: Path) -> None:
    made = await converse(tmp_path, [bash("mkdir .swe-scale; ln -s /etc/passwd .swe-scale/check.py"), SUBMIT])
    assert made.check is None
    taken = await converse(tmp_path / "b", [bash("echo x >.swe-scale"), SUBMIT])
    assert taken.check is None and taken.patch == ""


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()


async def test_malformed_replies_are_corrected(tmp_path: Path) -> None:
    made = await converse(tmp_path, ["I would look.", "```bash\nls\n```\n<submit/>", CHANGE, SUBMIT])
    assert [turn.action for turn in made.turns] == ["malformed", "malformed", "bash", "done"]
    assert "expected exactly one ```bash block, found 0\n" in made.turns[1].asked[0].content
    assert made.turns[2].note == ""


async def test_a_command_that_does_not_end_is_killed(tmp_path: Path) -> None:
    replies = [bash("echo begun; sleep 600"), CHANGE, SUBMIT]
    made = await converse(tmp_path, replies, limits=Limits(seconds=2))
    assert made.turns[0].edited is not None and made.turns[0].edited.timed_out
    assert re.search(r"killed after \d+ s \(wall limit\)", made.turns[1].asked[0].content)
    assert "begun" in made.turns[1].asked[0].content
    assert made.outcome == "done" and made.patch


async def test_a_resumed_run_runs_no_command_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    replies = [bash(f"echo ran >>{log}"), WRITE_CHECK, CHANGE, SUBMIT]
    first = await converse(tmp_path, replies)
    model = Spoken({})
    async with open_desk(tmp_path, model) as desk:
        assert await run(desk.setting, FIRST) == first
        assert desk.steps.made == 0
    assert log.read_text() == "ran\n" and model.requests == []


async def test_a_resumed_agent_finds_its_changes_and_check_in_a_new_sandbox(tmp_path: Path) -> None:
    begun = [bash("echo gone >$HOME/elsewhere"), WRITE_CHECK, CHANGE]
    stopped = await converse(tmp_path, begun)
    assert stopped.outcome == "failed"
    look = bash("tail -1 stats.py; ls .swe-scale; cat $HOME/elsewhere")
    made = await converse(tmp_path, [*begun, look, SUBMIT])
    rebuilt = made.turns[3]
    assert RIGHT in outputs(made)[3] and "check.py" in outputs(made)[3] and "gone" not in outputs(made)[3]
    assert "The sandbox was rebuilt from your last changes" in rebuilt.note
    assert rebuilt.note in made.turns[4].asked[0].content
    assert made.turns[:3] == stopped.turns and made.patch == stopped.patch
    assert made.check == stopped.check


class Failing:
    """A template whose sandboxes lose their first commands."""

    def __init__(self, inner: object, failures: int) -> None:
        self.inner, self.failures = inner, failures

    @asynccontextmanager
    async def fork(self, limits: Limits | None = None, socket: Path | None = None) -> AsyncIterator[Sandbox]:
        async with self.inner.fork(limits) as sandbox:  # type: ignore[attr-defined]
            real = sandbox.run

            async def run_it(command: Sequence[str], **rest: object) -> object:
                if command[0] == "bash" and self.failures > 0:
                    self.failures -= 1
                    raise SandboxError("the box is lost")
                return await real(command, **rest)

            sandbox.run = run_it
            yield sandbox


def failing(desk: Desk, failures: int) -> Desk:
    cells = desk.setting.cells
    template = Failing(cells.template, failures)
    setting = replace(desk.setting, cells=replace(cells, template=template))
    return replace(desk, setting=setting)


async def test_a_lost_sandbox_is_rebuilt(tmp_path: Path) -> None:
    async with open_desk(tmp_path, spoken([CHANGE, SUBMIT])) as desk:
        made = await run(failing(desk, 1).setting, FIRST)
        assert "a sandbox failed: the box is lost" in desk.texts("note")
    assert made.outcome == "done" and made.patch


async def test_an_agent_that_loses_every_sandbox_ends_alone(tmp_path: Path) -> None:
    async with open_desk(tmp_path, spoken([CHANGE, SUBMIT])) as desk:
        made = await run(failing(desk, 9).setting, FIRST)
    assert (made.outcome, made.error) == ("failed", "its sandbox failed: the box is lost")


class Watched:
    """A template that knows how many of its sandboxes are open, and were at most."""

    def __init__(self, inner: Template) -> None:
        self.inner, self.open, self.most = inner, 0, 0

    @asynccontextmanager
    async def fork(self, limits: Limits | None = None, socket: Path | None = None) -> AsyncIterator[Sandbox]:
        async with self.inner.fork(limits) as sandbox:
            self.open += 1
            self.most = max(self.most, self.open)
            try:
                yield sandbox
            finally:
                self.open -= 1


async def test_a_lost_sandbox_is_closed_at_once(tmp_path: Path) -> None:
    async with open_desk(tmp_path, spoken([CHANGE, bash("ls"), SUBMIT])) as desk:
        watched = Watched(Failing(desk.setting.cells.template, 1))
        made = await run(replace(desk.setting, cells=replace(desk.setting.cells, template=watched)), FIRST)
    assert made.outcome == "done" and (watched.open, watched.most) == (0, 1)


async def test_agents_share_few_sandboxes(tmp_path: Path) -> None:
    names = range(1, 8)
    replies = [bash("echo one"), CHANGE, SUBMIT]
    made: list[Trajectory] = []
    async with open_desk(tmp_path, Spoken({})) as desk:
        watched = Watched(desk.setting.cells.template)
        cells = replace(desk.setting.cells, template=watched)
        assert cells.boxes.total_tokens == 8
        cells.boxes.total_tokens = 2

        async def one(index: int) -> None:
            setting = replace(desk.setting, cells=cells, model=spoken(replies, index))
            made.append(await run(setting, replace(FIRST, index=index)))

        async with anyio.create_task_group() as group:
            for index in names:
                group.start_soon(one, index)
    assert [one.outcome for one in made] == ["done"] * len(names)
    assert (watched.open, watched.most, cells.boxes.borrowed_tokens) == (0, 2, 0)


async def test_an_agent_out_of_time_gives_its_place_back(tmp_path: Path) -> None:
    async with open_desk(tmp_path, spoken([bash("sleep 600"), SUBMIT])) as desk:
        watched = Watched(desk.setting.cells.template)
        cells = replace(desk.setting.cells, template=watched)
        made = await run(replace(desk.setting, cells=cells, deadline=anyio.current_time() + 3), FIRST)
    assert made.outcome == "budget"
    assert (watched.open, cells.boxes.borrowed_tokens, cells.slots.borrowed_tokens) == (0, 0, 0)


async def test_a_command_may_say_anything(tmp_path: Path) -> None:
    made = await converse(tmp_path, [bash("printf '\\xff\\x00```\\n{{ x }}\\x1b[2J'"), CHANGE, SUBMIT])
    assert made.outcome == "done" and "{{ x }}" in made.turns[1].asked[0].content


async def test_it_is_told_of_the_files_that_it_is_not_shown(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken({})) as desk:
        shown = desk.setting.opening("")[1].content
    assert shown.count("`stats.py`") == 0 and "- `near.py`: calls mean" in shown
