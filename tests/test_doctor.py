import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import anyio
import anyio.to_thread
import pytest
from sandbox_kit import configured

from swe_scale.config import Bubblewrap, Docker, Local, OpenAIEndpoint, ScriptedReplies, UserConfig
from swe_scale.doctor import Finding, Report, examine, kernel, programs, render, services, storage
from swe_scale.doctor.endpoint import endpoint
from swe_scale.sandbox import helper
from swe_scale.sandbox.cgroup import Groups

pytestmark = pytest.mark.anyio

FACTS = {
    "ServerVersion": "27.1",
    "Driver": "overlay2",
    "CgroupVersion": "2",
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin"],
    "MemoryLimit": True,
    "PidsLimit": True,
    "DockerRootDir": "/nonexistent",
}


@contextmanager
def service(socket: Path, facts: dict[str, Any]) -> Iterator[str]:
    """Serve what a container service says of itself, on a real socket."""
    answers = {"version": {"ApiVersion": "1.44"}, "info": facts, "_ping": "OK"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers[self.path.rpartition("/")[2]]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def address_string(self) -> str:
            return "client"

    with UnixStreamServer(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"unix://{socket}"
        finally:
            server.shutdown()
            thread.join()


def setting(folder: Path, name: str, value: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{value}\n")


async def test_the_report_is_complete_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with anyio.fail_after(90):
        report = await examine(UserConfig(sandbox=Bubblewrap()))
    topics = [finding.topic for finding in report.findings]
    assert topics[:3] == ["python", "git", "docker"]
    assert topics[-2:] == ["sandbox", "endpoint"]
    assert len(set(topics)) == len(topics) == 13
    assert not [finding.text for finding in report.findings if "can't be examined" in finding.text]
    assert all(finding.fix for finding in report.findings if finding.status == "fault")


async def test_a_bare_machine_is_reported_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("PATH", str(tmp_path))
    report = await examine(UserConfig())
    found = {finding.topic: finding for finding in report.findings}
    assert not report.healthy
    assert (found["git"].status, found["git"].fix) == ("fault", "sudo apt-get install git")
    assert found["docker"].text == "its socket isn't there"
    assert found["bubblewrap"].fix == "sudo apt-get install bubblewrap"
    assert found["sandbox"].status == "fault" and "--sandbox local" in found["sandbox"].fix


async def test_a_probe_that_breaks_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Finding:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(programs, "git", broken)
    found = {finding.topic: finding for finding in (await examine(UserConfig())).findings}
    assert found["git"].text == "can't be examined: RuntimeError: no such thing"
    assert found["python"].status == "ok"


def test_what_mends_a_fault_stands_below_it() -> None:
    report = Report(
        findings=(
            Finding(topic="git", status="fault", text="not there", fix="install it"),
            Finding(topic="python", status="ok", text="3.11"),
        )
    )
    assert render(report).splitlines() == [
        "fault  git     not there",
        "               → install it",
        "ok     python  3.11",
    ]
    assert not report.healthy
    assert render(Report(findings=())) == ""


def test_the_running_python_and_git() -> None:
    assert programs.python().status == "ok"
    assert programs.git().text[0].isdigit()


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    ],
)
def test_settings_in_the_way(
    name: str, value: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    setting(tmp_path, name, value)
    found = kernel.user_namespaces(tmp_path)
    assert (found.status, found.fix) == ("warn", f"sudo sysctl -w {fix}")


def test_root_is_bound_by_the_number_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    setting(tmp_path, "kernel/unprivileged_userns_clone", "0")
    assert kernel.user_namespaces(tmp_path).status == "ok"
    setting(tmp_path, "user/max_user_namespaces", "0")
    assert kernel.user_namespaces(tmp_path).status == "warn"


def test_apparmor(tmp_path: Path) -> None:
    assert kernel.apparmor(tmp_path).text == "not in use"
    setting(tmp_path, "parameters/enabled", "Y")
    assert kernel.apparmor(tmp_path).text.startswith("in use")


def test_control_groups() -> None:
    here = Path("/sys/fs/cgroup")
    parents = {"memory": here, "pids": here}
    nowhere = kernel.control_groups(None)
    assert nowhere.status == "warn" and "systemd-run" in nowhere.fix
    assert kernel.control_groups(Groups(parents, unified=True)).text.endswith("cpu can't")
    whole = kernel.control_groups(Groups({**parents, "cpu": here}, unified=False))
    assert (whole.status, whole.text) == ("ok", "version 1: cpu, memory, pids can be bounded")


def mounts() -> list[str]:
    """Return this machine's mounts but for those of containers, which come and go with other tests."""
    return [line for line in Path("/proc/mounts").read_text().splitlines() if "/docker/" not in line]


@pytest.mark.bubblewrap
async def test_a_cell_is_made_and_nothing_left() -> None:
    configured("bubblewrap")
    before = mounts()
    assert "take" in (await anyio.to_thread.run_sync(kernel.cells)).text
    assert mounts() == before


async def test_a_missing_compiler_is_said_with_what_it_costs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(helper, "_COMPILERS", ())
    found = await anyio.to_thread.run_sync(kernel.cells)
    assert "no C compiler" in found.text or "bubblewrap" in found.text
    assert found.status == "ok" or "gcc" in found.fix


def test_a_service_and_its_hardening(tmp_path: Path) -> None:
    with service(tmp_path / "s", FACTS) as address:
        found = services.docker(address)
    text = "27.1, storage driver overlay2, control groups version 2, seccomp, apparmor"
    assert (found.status, found.text) == ("ok", text)


def test_a_service_that_can_bound_nothing(tmp_path: Path) -> None:
    with service(tmp_path / "s", FACTS | {"MemoryLimit": False, "PidsLimit": False}) as address:
        found = services.docker(address)
    assert found.status == "warn" and found.text.endswith("can't bound memory and processes")


def test_a_service_with_its_room(tmp_path: Path) -> None:
    with service(tmp_path / "s", FACTS | {"DockerRootDir": str(tmp_path)}) as address:
        assert f"GiB free for {tmp_path}" in services.docker(address).text


def test_podman_stands_in_only_where_its_socket_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert services.podman().text == "not there; needed only in Docker's place"
    (tmp_path / "podman").write_text("#!/bin/sh\necho podman version 5.1\n")
    (tmp_path / "podman").chmod(0o755)
    silent = services.podman((tmp_path / "s",))
    assert silent.fix.endswith("systemctl --user enable --now podman.socket")
    with service(tmp_path / "s", FACTS) as address:
        assert f'base_url = "{address}"' in services.podman((tmp_path / "s",)).text


def test_no_isolation_is_said_loudly() -> None:
    found = services.sandbox(Local())
    assert found.status == "warn" and "NO isolation" in found.text
    assert services.sandbox(Docker()).text.startswith("docker, as configured: containers")


@pytest.mark.parametrize(("least", "comfortable", "status"), [(0, 0, "ok"), (0, 1 << 60, "warn")])
def test_room_for_a_folder_that_is_yet_to_be_made(
    least: int, comfortable: int, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "LEAST", least)
    monkeypatch.setattr(storage, "COMFORTABLE", comfortable)
    found = storage.folder("cache", tmp_path / "a" / "b", "make room")
    assert (found.status, found.fix) == (status, "" if status == "ok" else "make room")
    assert not (tmp_path / "a").exists()


def test_a_full_disk_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LEAST", 1 << 60)
    assert storage.folder("cache", tmp_path, "make room").status == "fault"


async def test_no_endpoint_says_where_to_configure_one() -> None:
    found = await endpoint(None)
    assert found.status == "warn" and "config.toml" in found.fix


async def test_an_endpoint_that_is_not_there() -> None:
    found = await endpoint(OpenAIEndpoint(base_url="http://127.0.0.1:9/v1", model="tiny"))
    assert found.status == "fault" and found.fix
    assert "\n" not in found.text


async def test_an_endpoint_that_answers(tmp_path: Path) -> None:
    (tmp_path / "replies.jsonl").write_text('{"step": "a", "text": "b"}\n')
    replies = ScriptedReplies(replies=tmp_path / "replies.jsonl")
    found = await endpoint(replies)
    assert (found.status, found.text) == ("ok", "scripted answers, 131,072 tokens of context")
    small = await endpoint(replies.model_copy(update={"context_length": 4096}))
    assert small.status == "warn" and small.text.endswith("which is little")
