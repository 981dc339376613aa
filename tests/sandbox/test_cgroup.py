import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.sandbox import cgroup
from swe_scale.sandbox.cgroup import Group, Groups
from swe_scale.sandbox.cleaning import Scope, clean
from swe_scale.sandbox.namespaces import _grouped
from swe_scale.sandbox.owner import owner


def unified(mount: Path, handed: dict[str, str]) -> None:
    (mount / "cgroup.controllers").parent.mkdir(parents=True, exist_ok=True)
    (mount / "cgroup.controllers").write_text("cpu memory pids\n")
    for place, controllers in handed.items():
        folder = mount / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.subtree_control").write_text(controllers)
        (folder / "cgroup.procs").write_text("")


def test_groups_go_under_the_closest_folder_that_hands_controllers_down(tmp_path: Path) -> None:
    unified(tmp_path, {"": "memory pids cpu", "user": "memory pids", "user/app": ""})
    (membership := tmp_path / "membership").write_text("0::/user/app\n")
    groups = Groups.find(tmp_path, membership)
    assert groups is not None
    assert groups.unified
    assert groups.parents == {"memory": tmp_path / "user", "pids": tmp_path / "user"}


def test_without_delegation_there_are_none(tmp_path: Path) -> None:
    unified(tmp_path, {"": "cpu", "user": ""})
    (membership := tmp_path / "membership").write_text("0::/user\n")
    assert Groups.find(tmp_path, membership) is None
    assert Groups.find(tmp_path, tmp_path / "absent") is None


def test_the_first_version_has_a_folder_per_controller(tmp_path: Path) -> None:
    for place in ("memory/own", "pids", "cpu"):
        (tmp_path / place).mkdir(parents=True)
    (membership := tmp_path / "membership").write_text(
        "3:cpu,cpuacct:/\n2:memory:/own\n1:pids:/elsewhere\n0::/\n"
    )
    groups = Groups.find(tmp_path, membership)
    assert groups is not None
    assert groups.parents == {
        "memory": tmp_path / "memory/own",
        "pids": tmp_path / "pids",
        "cpu": tmp_path / "cpu",
    }


def test_limits_are_written_in_the_words_of_each_version(tmp_path: Path) -> None:
    limits = Limits(memory=1 << 30, pids=99, cpus=1.5)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    group = Groups(dict.fromkeys(("memory", "pids", "cpu"), tmp_path / "two"), unified=True).create(limits)
    [folder] = group.folders
    assert (folder / "memory.max").read_text() == str(1 << 30)
    assert (folder / "pids.max").read_text() == "99"
    assert (folder / "cpu.max").read_text() == "150000 100000"
    old = Groups({"memory": tmp_path / "one", "pids": tmp_path / "one"}, unified=False).create(limits)
    assert (old.folders[0] / "memory.limit_in_bytes").read_text() == str(1 << 30)
    assert old.entrances == (old.folders[0] / "cgroup.procs",)


def test_what_the_kernel_counted_is_read(tmp_path: Path) -> None:
    group = Group((tmp_path,))
    assert group.hit() is None
    (tmp_path / "memory.events").write_text("low 0\nmax 12\noom 1\noom_kill 0\n")
    (tmp_path / "pids.events").write_text("max 0\n")
    assert group.hit() is None
    (tmp_path / "pids.events").write_text("max 3\n")
    assert group.hit() == "pids"
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert group.hit() == "memory"


def test_a_refusal_is_reported(tmp_path: Path) -> None:
    groups = Groups({"memory": tmp_path / "absent", "pids": tmp_path / "absent"}, unified=True)
    with pytest.raises(SandboxError, match="can't be set up"):
        groups.create(Limits())


@pytest.fixture
def kernels() -> Groups:
    """Where the kernel lets this process make groups."""
    groups = Groups.find()
    if groups is None:
        pytest.skip("no control group can be made here")
    return groups


@pytest.fixture
def start() -> Iterator[Callable[[Group], subprocess.Popen[bytes]]]:
    """Start a process that doesn't end by itself, in a group."""
    started: list[subprocess.Popen[bytes]] = []

    def start(group: Group) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["sleep", "600"])
        started.append(process)
        for entrance in group.entrances:
            entrance.write_text(str(process.pid))
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def left(groups: Groups) -> list[Path]:
    return [one for parent in set(groups.parents.values()) for one in parent.glob(f"swe-scale-{owner()}-*")]


def test_a_group_is_given_back_with_what_runs_in_it(
    kernels: Groups, start: Callable[[Group], subprocess.Popen[bytes]]
) -> None:
    group = kernels.create(Limits())
    process = start(group)
    assert group.remove() and left(kernels) == []
    assert process.wait() == -9
    assert group.remove()


@pytest.mark.anyio
async def test_what_enters_after_its_starter_was_cancelled_is_ended(
    kernels: Groups, start: Callable[[Group], subprocess.Popen[bytes]]
) -> None:
    with anyio.CancelScope() as scope:
        async with _grouped(kernels, Limits()) as group:
            assert group is not None
            scope.cancel()
            process = start(group)
            await anyio.sleep_forever()
    assert process.wait() == -9 and left(kernels) == []


def test_a_group_that_stays_busy_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "PATIENCE", 0.02)
    (tmp_path / "group" / "within").mkdir(parents=True)
    assert not Group((tmp_path / "group",)).remove()
    (tmp_path / "group" / "within").rmdir()
    assert Group((tmp_path / "group",)).remove() and not (tmp_path / "group").exists()


@pytest.mark.anyio
async def test_groups_of_dead_processes_are_removed(kernels: Groups) -> None:
    code = (
        "from swe_scale.config import Limits\nfrom swe_scale.sandbox.cgroup import Groups\n"
        "groups = Groups.find()\nprint(*groups.create(Limits()).folders, sep='\\n')"
    )
    made = (await anyio.run_process([sys.executable, "-c", code])).stdout
    folders = [Path(line) for line in made.decode().splitlines()]
    own = kernels.create(Limits())
    try:
        assert folders and all(folder.is_dir() for folder in folders)
        await clean(None, Scope())
        assert not any(folder.exists() for folder in folders)
        assert all(folder.is_dir() for folder in own.folders)
    finally:
        own.remove()
