"""What every backend promises, asked of each of them."""

import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import anyio
import docker
import pytest
from hostile_kit import STUBBORN, running
from sandbox_kit import ISOLATING

from swe_scale.config import Docker, Limits, Local, SandboxConfig, cache_folder
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events
from swe_scale.records import Changes, Environment, Execution, File
from swe_scale.sandbox import Recipe, Sandbox, Template, open_backend
from swe_scale.sandbox.cgroup import Groups

pytestmark = pytest.mark.anyio
LIMITS = Limits(seconds=60)
APART = f"apart-{token_hex(4)}"
isolating = pytest.mark.parametrize("config", ISOLATING, indirect=True)
Forget = Callable[[Environment], None]


@asynccontextmanager
async def opened(config: SandboxConfig, environment: Environment, events: Events) -> AsyncIterator[Template]:
    async with open_backend(config, APART, events) as backend, backend.open(environment) as template:
        yield template


async def sh(sandbox: Sandbox, line: str, limits: Limits = LIMITS, stdin: bytes = b"") -> Execution:
    return await sandbox.run(["sh", "-c", line], limits=limits, stdin=stdin)


def left_behind(config: SandboxConfig, pid: int | None = None) -> set[str]:
    """Containers, copies and control groups of a process, by default of this one's runs called `apart`."""
    owner = pid or os.getpid()
    forks = cache_folder() / "forks"
    found = {str(path) for path in forks.glob(f"*-{owner}-*")} if forks.is_dir() else set()
    groups = Groups.find()
    for parent in set(groups.parents.values()) if groups else ():
        found |= set(map(str, parent.glob(f"swe-scale-*-{owner}-*")))
    if isinstance(config, Docker):
        client = docker.from_env()
        label = "swe-scale.owner" if pid else f"swe-scale.run={APART}"
        containers = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
        found |= {each.name for each in containers if f"-{owner}-" in each.labels["swe-scale.owner"]}
        client.close()
    return found


@pytest.fixture
def before(template: Template, config: SandboxConfig) -> set[str]:
    """What is there of templates that are in use."""
    return left_behind(config)


async def test_build_happens_once_for_concurrent_callers(
    config: SandboxConfig, tree: Path, forget: Forget
) -> None:
    digest = token_hex(8)
    recipe = Recipe(setup=("sleep 1; date +%s%N >stamp",))
    found: list[Environment] = []
    stamps = set()

    async def build() -> None:
        async with open_backend(config, "tests", Events()) as backend:
            found.append(await backend.build(recipe, tree, digest))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(build)
        tasks.start_soon(build)
    forget(found[0])
    await build()
    async with open_backend(config, "tests", Events()) as backend:
        assert await backend.built(digest) == found[0]
        assert await backend.built(token_hex(8)) is None
        assert await backend.identity(recipe) == await backend.identity(Recipe())
    async with open_backend(config, "tests", Events()) as backend:
        for environment in found:
            async with backend.open(environment) as template, template.fork() as sandbox:
                stamps.add(await sandbox.read(f"{sandbox.workdir}/stamp"))
    assert found[0] == found[1] == found[2]
    assert found[0].digest == digest
    assert found[0].setup == recipe.setup
    assert len(stamps) == 1
    assert None not in stamps


async def test_a_failing_set_up_line_is_named_with_the_end_of_its_output(
    config: SandboxConfig, tree: Path, before: set[str]
) -> None:
    recipe = Recipe(setup=("true", "seq 1 100; echo went wrong >&2; exit 3"))
    async with open_backend(config, "tests", Events()) as backend:
        with pytest.raises(EnvironmentFailure) as failure:
            await backend.build(recipe, tree, token_hex(8))
    text = str(failure.value)
    assert "`seq 1 100; echo went wrong >&2; exit 3` failed with exit code 3" in text
    assert text.endswith("99\n100\nwent wrong")
    assert "\n80\n" not in text
    assert left_behind(config) <= before


async def test_an_environment_that_is_gone_is_reported(config: SandboxConfig) -> None:
    gone = Environment(
        digest="0" * 16, image="swe-scale/environment:none", root="/nonexistent", workdir="/work"
    )
    async with open_backend(config, "tests", Events()) as backend:
        with pytest.raises(SandboxError, match="build it again"):
            async with backend.open(gone):
                pass


async def test_the_virtual_environment_comes_first(sandbox: Sandbox, environment: Environment) -> None:
    found = await sh(sandbox, "command -v python; python -c 'import sys; print(sys.prefix)'")
    venv = environment.variables["VIRTUAL_ENV"]
    assert found.output.split() == [f"{venv}/bin/python", venv]
    assert environment.test_command == "true {tests}"


async def test_what_set_up_made_is_there_and_no_change(sandbox: Sandbox) -> None:
    found = await sh(sandbox, "cat product.bin ~/kept; git status --short")
    assert found.output == "built\nhome\n?? product.bin\n"
    assert await sandbox.snapshot() == {}


async def test_forks_are_apart(template: Template) -> None:
    async with template.fork() as one, template.fork() as other:
        line = (
            "echo mine >demo.py; echo t >/tmp/t-$$; echo s >" + one.scratch + "/s; echo h >~/h; echo n >new"
        )
        assert (await sh(one, line)).exit_code == 0
        assert (await sh(other, "cat demo.py; ls; ls ~ " + other.scratch)).output.count("answer") == 1
        assert await other.snapshot() == {}
        assert await other.read(f"{other.scratch}/s") is None
    async with template.fork() as third:
        assert await third.snapshot() == {}
        assert (await sh(third, "ls ~")).output == "kept\n"


async def test_an_editable_install_means_the_fork(sandbox: Sandbox) -> None:
    await sh(sandbox, "sed -i s/41/42/ demo.py")
    found = await sh(sandbox, "cd / && python -c 'import demo; print(demo.answer(), demo.__file__)'")
    assert found.output == f"42 {sandbox.workdir}/demo.py\n"


async def test_state_lasts_from_one_run_to_the_next(sandbox: Sandbox) -> None:
    await sh(sandbox, f"echo 1 >{sandbox.scratch}/one; echo 2 >~/two; echo 3 >three")
    assert (await sh(sandbox, f"cat {sandbox.scratch}/one ~/two three")).output == "1\n2\n3\n"


@pytest.mark.parametrize(
    ("line", "code"),
    [("true", 0), ("exit 42", 42), ("kill -SEGV $$", 139), ("kill -9 $$", 137), ("no-such-program", 127)],
)
async def test_exit_codes(sandbox: Sandbox, line: str, code: int) -> None:
    execution = await sh(sandbox, line)
    assert execution.exit_code == code
    assert not execution.timed_out
    assert execution.limit is None


async def test_a_missing_program_is_the_commands_fault(sandbox: Sandbox) -> None:
    execution = await sandbox.run(["no-such-program"], limits=LIMITS)
    assert execution.exit_code == 127
    assert "no-such-program" in execution.output


async def test_streams_come_in_order(sandbox: Sandbox) -> None:
    assert (
        await sh(sandbox, "for i in 1 2 3; do echo o$i; echo e$i >&2; done")
    ).output == "o1\ne1\no2\ne2\no3\ne3\n"


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(range(256)) * 4000], ids=["none", "text", "binary"])
async def test_stdin_is_given_then_ends(sandbox: Sandbox, data: bytes) -> None:
    assert (await sh(sandbox, "cat | wc -c", stdin=data)).output.strip() == str(len(data))


async def test_a_command_need_not_read_its_stdin(sandbox: Sandbox) -> None:
    assert (await sh(sandbox, "exec true", stdin=b"x" * 1_000_000)).exit_code == 0


async def test_nothing_of_the_hosts_environment_is_inside(sandbox: Sandbox, canary: str) -> None:
    execution = await sandbox.run(["env"], limits=LIMITS, variables={"GIVEN": "a b"})
    assert canary not in execution.output
    lines = execution.output.splitlines()
    assert "GIVEN=a b" in lines
    assert {"LANG=C.UTF-8", "TERM=dumb", "PAGER=cat", "GIT_PAGER=cat", "PYTHONDONTWRITEBYTECODE=1"} <= set(
        lines
    )
    assert not [line for line in lines if line.startswith(("PIP_", "SSL_", "AWS_", "XDG_", "SSH_"))]


@contextmanager
def listening() -> Iterator[tuple[str, int]]:
    """A server on an address of this host that others can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        address = probe.getsockname()[0]
    with socket.create_server((address, 0)) as server:
        yield address, server.getsockname()[1]


CONNECT = (
    "import socket,sys\n"
    "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()\n"
    "except OSError: print('unreachable')\n"
    "else: print('reached')\n"
)


async def test_the_network_is_out_of_reach(sandbox: Sandbox, config: SandboxConfig) -> None:
    with listening() as (address, port):
        for host in (address, "127.0.0.1"):
            execution = await sandbox.run(["python", "-c", CONNECT, host, str(port)], limits=LIMITS)
            expected = "reached\n" if isinstance(config, Local) and host == address else "unreachable\n"
            assert execution.output == expected


async def test_the_deadline_kills_everything_and_keeps_the_output(sandbox: Sandbox) -> None:
    mark = token_hex(8)
    execution = await sandbox.run(["python", "-c", STUBBORN, mark, "300"], limits=Limits(seconds=2))
    assert execution.exit_code is None
    assert execution.timed_out
    assert execution.limit == "wall"
    assert execution.output == "so far\n"
    assert 2 <= execution.seconds < 60
    assert running(mark) == []
    assert (await sh(sandbox, "echo still here")).output == "still here\n"


async def test_nothing_outlives_its_command(sandbox: Sandbox) -> None:
    mark = token_hex(8)
    execution = await sandbox.run(["python", "-c", STUBBORN, mark, "0"], limits=LIMITS)
    assert execution.exit_code == 0
    assert execution.output == "so far\n"
    assert execution.seconds < 60
    assert running(mark) == []


async def test_cancellation_leaves_nothing_behind(
    config: SandboxConfig, environment: Environment, before: set[str]
) -> None:
    mark = token_hex(8)

    async def work(template: Template) -> None:
        async with template.fork() as sandbox:
            await sandbox.run(["python", "-c", STUBBORN, mark, "300"], limits=LIMITS)

    async with opened(config, environment, Events()) as template:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work, template)
            # No event tells that a program inside has come up.
            while not running(mark):  # noqa: ASYNC110
                await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        assert running(mark) == []
    assert left_behind(config) <= before


async def test_an_error_leaves_nothing_behind(
    config: SandboxConfig, environment: Environment, before: set[str]
) -> None:
    async def work() -> None:
        async with opened(config, environment, Events()) as template, template.fork() as sandbox:
            await sh(sandbox, "mkdir closed && touch closed/file && chmod 0 closed")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert left_behind(config) <= before


async def test_cancellation_at_any_moment_of_a_fork_leaves_nothing(
    config: SandboxConfig, environment: Environment, before: set[str]
) -> None:
    async with opened(config, environment, Events()) as template:
        for step in range(12):
            with anyio.move_on_after(step * 0.02):
                async with template.fork() as sandbox:
                    await sh(sandbox, "true")
    assert left_behind(config) <= before
    for step in range(6):
        with anyio.move_on_after(step * 0.08):
            async with opened(config, environment, Events()) as template, template.fork() as sandbox:
                await sh(sandbox, "true")
        assert left_behind(config) <= before


async def test_long_output_keeps_head_and_tail(sandbox: Sandbox) -> None:
    execution = await sh(
        sandbox, "echo first; yes filler | head -n 200000; echo last", Limits(seconds=60, output=4096)
    )
    assert execution.output.startswith("first\nfiller\n")
    assert execution.output.endswith("filler\nlast\n")
    assert execution.truncated == 6 + 7 * 200_000 + 5 - 4096
    assert f"[… {execution.truncated} bytes left out …]" in execution.output
    assert len(execution.output.encode()) < 4096 + 100


async def test_binary_output_is_replaced(sandbox: Sandbox) -> None:
    assert (await sh(sandbox, r"printf 'a\377\376b\000c'")).output == "a��b\0c"


@isolating
async def test_memory_is_bound(template: Template) -> None:
    limits = Limits(seconds=60, memory=128 * 1024**2)
    async with template.fork(limits) as sandbox:
        execution = await sandbox.run(
            ["python", "-c", "x = bytearray(512 << 20); print('got it')"], limits=limits
        )
        assert "got it" not in execution.output
        assert execution.exit_code not in {0, None}
        assert execution.limit == "memory"
        after = await sh(sandbox, "echo fine", limits)
        assert after.output == "fine\n"
        assert after.limit is None


FORKS = (
    "import os,time\n"
    "for i in range(200):\n"
    "    try: pid = os.fork()\n"
    "    except OSError: print('refused'); break\n"
    "    if pid == 0: time.sleep(300)\n"
)


@isolating
async def test_processes_are_bound(template: Template) -> None:
    limits = Limits(seconds=60, pids=32)
    async with template.fork(limits) as sandbox:
        execution = await sandbox.run(["python", "-c", FORKS], limits=limits)
        assert execution.output == "refused\n"
        assert execution.limit == "pids"
        assert (await sh(sandbox, "echo fine", limits)).output == "fine\n"


BOMB = "import os,time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.05)\n"


@isolating
async def test_a_fork_bomb_ends_at_the_deadline(template: Template) -> None:
    limits = Limits(seconds=2, pids=64)
    async with template.fork(limits) as sandbox:
        execution = await sandbox.run(["python", "-c", BOMB], limits=limits)
        assert execution.timed_out
        assert (await sh(sandbox, "echo fine", LIMITS)).output == "fine\n"


CHANGES = (
    "printf 'def answer():\\n    return 42\\n' >demo.py; rm pkg/deep/data.txt; mv tool.sh 'tool – 2.sh';"
    "chmod +x pkg/__init__.py; mkdir -p a/b; printf new >'a/b/with \"quotes\" and spaces.txt';"
    "ln -s ../../../../etc/passwd link; rm linked; ln -s demo.py linked;"
    "cp demo.py same.py; rm same.py; mkdir empty; mkfifo pipe; ln demo.py hard; ln product.bin hard2;"
    "mkdir __pycache__ .pytest_cache; echo x >__pycache__/a.pyc; echo x >.pytest_cache/b; echo x >b.pyc;"
    "git config core.fsmonitor 'touch /tmp/evil'; mkdir -p a/.git; echo x >a/.git/config"
)


async def test_a_snapshot_tells_every_kind_of_change(sandbox: Sandbox) -> None:
    assert (await sh(sandbox, CHANGES)).output == ""
    demo = File(mode="100644", data=b"def answer():\n    return 42\n")
    assert await sandbox.snapshot() == {
        "demo.py": demo,
        "hard": demo,
        "hard2": File(mode="100644", data=b"built\n"),
        "pkg/deep/data.txt": None,
        "tool.sh": None,
        "tool – 2.sh": File(mode="100755", data=b"echo tool\n"),
        "pkg/__init__.py": File(mode="100755", data=b""),
        'a/b/with "quotes" and spaces.txt': File(mode="100644", data=b"new"),
        "link": File(mode="120000", data=b"../../../../etc/passwd"),
        "linked": File(mode="120000", data=b"demo.py"),
    }


async def test_a_rewrite_with_equal_content_is_no_change(sandbox: Sandbox) -> None:
    await sh(sandbox, "cp demo.py x && mv x demo.py; touch tool.sh; chmod 600 pkg/__init__.py")
    assert await sandbox.snapshot() == {}


async def test_a_change_with_forged_times_is_seen(sandbox: Sandbox) -> None:
    await sh(sandbox, "touch -r demo.py stamp; sed -i s/41/43/ demo.py; touch -r stamp demo.py; rm stamp")
    assert await sandbox.snapshot() == {
        "demo.py": File(mode="100644", data=b"def answer():\n    return 43\n")
    }


async def test_folders_and_files_change_places(sandbox: Sandbox) -> None:
    await sh(sandbox, "rm -rf pkg linked; echo file >pkg; mkdir linked; echo in >linked/in")
    assert await sandbox.snapshot() == {
        "pkg/__init__.py": None,
        "pkg/deep/data.txt": None,
        "pkg": File(mode="100644", data=b"file\n"),
        "linked": None,
        "linked/in": File(mode="100644", data=b"in\n"),
    }


@pytest.mark.parametrize(
    "line", ["truncate -s 100M big", "mkdir m && cd m && seq -f f%g 1 20100 | xargs touch"]
)
async def test_a_snapshot_of_too_much_is_refused(sandbox: Sandbox, line: str) -> None:
    assert (await sh(sandbox, line)).exit_code == 0
    with pytest.raises(SandboxError, match=r"the changes in .* exceed"):
        await sandbox.snapshot()


async def test_a_snapshot_can_be_written_to_another_fork(template: Template) -> None:
    async with template.fork() as one, template.fork() as other:
        await sh(one, CHANGES + "; rm -rf pkg; echo file >pkg")
        changes = await one.snapshot()
        await other.write(other.workdir, changes)
        assert await other.snapshot() == changes
        assert (await sh(other, "./'tool – 2.sh'; stat -c %F pkg")).output == "tool\nregular file\n"


async def test_files_are_written_and_read(sandbox: Sandbox) -> None:
    files: Changes = {
        "plain": File(mode="100644", data=b"\0data"),
        "deep/er/run": File(mode="100755", data=b"#!/bin/sh\necho ran\n"),
        "link": File(mode="120000", data=b"plain"),
    }
    await sandbox.write(sandbox.scratch, files)
    assert await sandbox.read(f"{sandbox.scratch}/plain") == b"\0data"
    assert await sandbox.read(f"{sandbox.scratch}/plain", 2) == b"\0d"
    assert (
        await sh(sandbox, f"{sandbox.scratch}/deep/er/run; readlink {sandbox.scratch}/link")
    ).output == "ran\nplain\n"
    await sandbox.write(f"{sandbox.scratch}/not/there/yet", {"x": files["plain"]})
    assert await sandbox.read(f"{sandbox.scratch}/not/there/yet/x") == b"\0data"
    await sandbox.write(sandbox.scratch, {"deep/er/run": None, "absent/file": None})
    assert (await sh(sandbox, f"ls {sandbox.scratch}")).output == "link\nnot\nplain\n"


async def test_what_is_no_plain_file_reads_as_none(sandbox: Sandbox) -> None:
    place = sandbox.scratch
    await sh(sandbox, f"cd {place}; mkdir d; mkfifo p; ln -s /etc/passwd l; ln -s d e")
    for name in ("d", "p", "l", "absent", "d/absent", "../nowhere"):
        assert await sandbox.read(f"{place}/{name}") is None
    assert await sandbox.read("relative") is None


@pytest.mark.parametrize("path", ["../out", "/etc/out", "a/../../out", "", ".", "a\0b", ".."])
async def test_writing_out_of_the_folder_is_refused(sandbox: Sandbox, path: str) -> None:
    for entry in (File(mode="100644", data=b"x"), None):
        with pytest.raises(SandboxError, match="not a path below the folder"):
            await sandbox.write(sandbox.workdir, {path: entry})


async def test_writing_never_follows_planted_links(sandbox: Sandbox, tmp_path: Path) -> None:
    victim = "victim"
    await sh(sandbox, f"cd {sandbox.scratch}; mkdir {victim}; echo safe >{victim}/file")
    await sh(sandbox, f"ln -s {sandbox.scratch}/{victim} d; ln -s {sandbox.scratch}/{victim}/file f")
    data = File(mode="100644", data=b"written")
    await sandbox.write(sandbox.workdir, {"d/file": data, "f": data})
    assert await sandbox.read(f"{sandbox.scratch}/{victim}/file") == b"safe\n"
    assert await sandbox.read(f"{sandbox.workdir}/f") == b"written"
    assert await sandbox.read(f"{sandbox.workdir}/d/file") == b"written"


async def test_many_forks_at_once(config: SandboxConfig, environment: Environment, before: set[str]) -> None:
    found: dict[int, str] = {}

    async def work(template: Template, number: int) -> None:
        async with template.fork() as sandbox:
            await sh(sandbox, f"echo {number} >demo.py")
            found[number] = (await sh(sandbox, "cat demo.py")).output

    async with opened(config, environment, Events()) as template, anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(work, template, number)
    assert found == {number: f"{number}\n" for number in range(8)}
    assert left_behind(config) <= before


HELD = (
    "import sys, os, anyio\n"
    "from pydantic import TypeAdapter\n"
    "from swe_scale.config import Limits, SandboxConfig\n"
    "from swe_scale.events import Events\n"
    "from swe_scale.records import Environment\n"
    "from swe_scale.sandbox import open_backend\n"
    "config = TypeAdapter(SandboxConfig).validate_json(sys.argv[1])\n"
    "environment = Environment.model_validate_json(sys.argv[2])\n"
    "async def die():\n"
    "    await anyio.sleep(2)\n"
    "    os.kill(os.getpid(), 9)\n"
    "async def main():\n"
    "    async with open_backend(config, 'dead', Events()) as it, it.open(environment) as template:\n"
    "        async with anyio.create_task_group() as tasks, template.fork() as sandbox:\n"
    "            tasks.start_soon(die)\n"
    "            await sandbox.run(['sleep', sys.argv[3]], limits=Limits())\n"
    "anyio.run(main)\n"
)


async def test_what_a_killed_process_left_is_removed(config: SandboxConfig, environment: Environment) -> None:
    mark = f"30{secrets.randbelow(10**9):09}"
    given = [config.model_dump_json(), environment.model_dump_json(), mark]
    process = await anyio.open_process([sys.executable, "-c", HELD, *given])
    assert await process.wait() == -9
    async with open_backend(config, "tests", Events()):
        assert left_behind(config, process.pid) == set()
    # A copy without isolation is known by its folder only; its processes have nobody to end them.
    assert isinstance(config, Local) or running(mark) == []
    await anyio.run_process(["pkill", "-f", mark], check=False)
