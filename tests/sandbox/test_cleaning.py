import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import docker
import pytest

from swe_scale.config import Docker, Local, cache_folder
from swe_scale.events import Events
from swe_scale.locks import locked
from swe_scale.sandbox import open_backend
from swe_scale.sandbox.cleaning import Cleaned, Scope, clean
from swe_scale.sandbox.engine import OWNER, RUN, Engine
from swe_scale.sandbox.left_over import Left, remove_folder
from swe_scale.sandbox.owner import CELL_MARK, owner, registered, runs_of

pytestmark = pytest.mark.anyio

DIES = (
    "import os\nfrom swe_scale.sandbox.owner import owner, registered\n"
    "with registered({run!r}):\n    print(owner(), flush=True)\n    os.kill(os.getpid(), 9)\n"
)
LIVES = (
    "from swe_scale.sandbox.owner import owner, registered\n"
    "with registered({run!r}):\n    print(owner(), flush=True)\n    input()\n"
)


def dead(run: str = "gone") -> str:
    """Return the name of a process that was killed in the middle of a run."""
    done = subprocess.run([sys.executable, "-c", DIES.format(run=run)], capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def living() -> Iterator[Callable[[str], str]]:
    """Return the name of another process that works on a run."""
    with contextlib.ExitStack() as stack:

        def start(run: str) -> str:
            process = subprocess.Popen(
                [sys.executable, "-c", LIVES.format(run=run)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            return process.stdout.readline().strip()

        yield start


@pytest.fixture(autouse=True)
def own_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def copy_of(name: str) -> Path:
    folder = cache_folder() / "forks" / f"{name}-abcdef"
    (folder / "tree").mkdir(parents=True)
    return folder


def names(cleaned: Cleaned) -> list[tuple[str, str]]:
    """Return what was removed of that which is this test's alone; others die on this machine, too."""
    assert cleaned.failures == []
    shared = ("control group", "process", "container")
    return [(left.kind, left.name) for left in cleaned.removed if left.kind not in shared]


async def test_nothing_left_is_nothing_removed() -> None:
    assert names(await clean(None, Scope())) == []


def test_the_living_are_meant_only_where_they_are_this_users_and_others(living: Callable[[str], str]) -> None:
    def left(whose: str) -> Left:
        return Left(kind="copy", name="x", owner=whose, runs=("on",))

    lives, everything = left(living("on")), Scope(living=True)
    assert everything.takes(lives) and not Scope().takes(lives)
    assert Scope(run="on", living=True).takes(lives) and not Scope(run="off", living=True).takes(lives)
    assert not everything.takes(left(owner())), "who cleans keeps its own"
    place, _, process = lives.owner.partition("-")
    machine, boot, _ = place.split(".")
    assert not everything.takes(left(f"{machine}.{boot}.0123-{process}")), "of another container"
    assert not everything.takes(left(f"0123.{boot}.0123-{process}")), "of another machine"
    assert Scope().takes(left(f"{machine}.0123.0123-{process}")), "of an earlier start of this machine"
    assert (
        not everything.takes(left(f"{place}-1-{Path('/proc/1/stat').read_text().split()[21]}"))
        or not os.getuid()
    )


async def test_what_the_dead_left_goes_and_what_the_living_use_stays(
    living: Callable[[str], str], own_temporary: Path
) -> None:
    died, lives = dead(), living("on")
    left, used, own = copy_of(died), copy_of(lives), copy_of(owner())
    temporary, foreign = own_temporary / f"swe-scale-{died}-x1", own_temporary / "swe-scale-a-b-c-d"
    for folder in (temporary, foreign):
        folder.mkdir()
    (own_temporary / f"swe-scale-{died}-x2").symlink_to(foreign)
    assert names(await clean(None, Scope())) == [("copy", str(left)), ("temporary folder", str(temporary))]
    assert used.exists() and own.exists() and foreign.exists()
    assert runs_of(died) == frozenset() and runs_of(lives) == {"on"}


async def test_a_run_is_found_by_its_name() -> None:
    one, other = copy_of(dead("one")), copy_of(dead("other"))
    assert names(await clean(None, Scope(run="neither"))) == []
    assert names(await clean(None, Scope(run="one"))) == [("copy", str(one))]
    assert other.exists()


async def test_the_living_lose_what_is_theirs_only_when_told_so(living: Callable[[str], str]) -> None:
    used, own = copy_of(living("on")), copy_of(owner())
    assert names(await clean(None, Scope(run="on"))) == []
    assert names(await clean(None, Scope(run="on", living=True))) == [("copy", str(used))]
    assert own.exists(), "who cleans keeps its own"


def asleep(mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"], env={**os.environ, CELL_MARK: mark})


async def test_a_process_without_a_parent_ends() -> None:
    process, own = asleep(f"{dead()}-0123"), asleep(f"{owner()}-0123")
    try:
        removed = (await clean(None, Scope())).removed
        assert ("process", str(process.pid)) in [(left.kind, left.name) for left in removed]
        assert process.wait() == -signal.SIGKILL
        assert own.poll() is None
    finally:
        own.kill()
        own.wait()


async def test_half_an_environment_goes_unless_it_is_being_built() -> None:
    folder = cache_folder() / "environments" / "local"
    for name in ("half", "growing", "complete"):
        (folder / name / "tree").mkdir(parents=True)
    (folder / "complete" / "environment.json").write_text("{}")
    (folder / "complete.lock").touch()
    async with locked(folder / "growing.lock"):
        assert names(await clean(None, Scope())) == [
            ("half-built environment", "local/half"),
            ("lock", "local/complete.lock"),
        ]
    assert sorted(path.name for path in folder.iterdir()) == ["complete", "growing", "growing.lock"]


async def test_a_lock_that_is_cleared_while_it_is_waited_for_holds_all_the_same(tmp_path: Path) -> None:
    path, inside = tmp_path / "x.lock", 0
    path.touch()
    with path.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)

        async def hold() -> None:
            nonlocal inside
            async with locked(path):
                inside += 1
                assert inside == 1
                await anyio.sleep(0.05)
                inside -= 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hold)
            tasks.start_soon(hold)
            await anyio.sleep(0.05)
            path.unlink()
            handle.close()
    assert path.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
async def test_what_is_mounted_in_a_copy_is_let_go_of_and_kept(tmp_path: Path) -> None:
    kept, folder = tmp_path / "kept", copy_of(dead())
    kept.mkdir()
    (kept / "file").write_text("stays")
    point = folder / "tree" / "a b"
    point.mkdir()
    await anyio.run_process(["mount", "--bind", str(kept), str(point)])
    assert names(await clean(None, Scope())) == [("copy", str(folder))]
    assert (kept / "file").read_text() == "stays"
    assert not folder.exists() and str(folder) not in (await anyio.run_process(["mount"])).stdout.decode()


def test_a_folder_that_is_gone_already_is_no_fault(tmp_path: Path) -> None:
    remove_folder(tmp_path / "absent")


async def test_a_run_that_starts_clears_up_after_the_dead() -> None:
    left = copy_of(dead())
    async with open_backend(Local(), "next", Events()):
        assert not left.exists()
        assert runs_of(owner()) == {"next"}
    assert runs_of(owner()) == frozenset()


def test_a_process_that_ends_is_not_written_down() -> None:
    with registered("short"):
        assert runs_of(owner()) == {"short"}
    assert not list((cache_folder() / "owners").iterdir())


@pytest.mark.docker
async def test_containers_go_by_their_labels(docker_config: Docker, living: Callable[[str], str]) -> None:
    client = docker.from_env()
    # What a user starts from an image of ours inherits the image's empty label.
    owners = {"dead": dead(), "living": living("on"), "foreign": "0123.4567.89ab-1-1", "users": ""}
    made = {}
    try:
        for name, whose in owners.items():
            made[name] = client.containers.create(
                docker_config.base_image, ["sleep", "600"], network_mode="none",
                labels={OWNER: whose, RUN: f"run-{name}"},
            )  # fmt: skip
        made["dead"].start()
        engine = Engine(docker_config, "tests")
        await engine.connect()
        try:
            for scope, gone in (
                (Scope(run="run-living"), []),
                (Scope(run="run-dead"), ["dead"]),
                (Scope(run="run-living", living=True), ["living"]),
                (Scope(run="run-foreign", living=True), []),
                (Scope(run="run-users", living=True), []),
            ):
                removed = (await clean(engine, scope)).removed
                names_of = [left.name for left in removed if left.kind == "container"]
                assert names_of == [made[one].name for one in gone]
        finally:
            await engine.close()
        made["foreign"].reload()
        made["users"].reload()
        for name in ("dead", "living"):
            with pytest.raises(docker.errors.NotFound):
                made[name].reload()
    finally:
        for container in made.values():
            with contextlib.suppress(docker.errors.NotFound):
                container.remove(force=True)
        client.close()
