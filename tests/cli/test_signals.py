"""Told to end, as by `timeout`, a service manager or a cancelled job, it leaves nothing running behind."""

import signal
import subprocess
from pathlib import Path

import pytest
from main_job import Desk, agent_replies, endpoint
from scripted_server import ScriptedServer


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_told_to_end_it_cleans_up_also_where_ctrl_c_is_ignored(desk: Desk) -> None:
    written = agent_replies(1, "sleep 600")
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        command = desk.command(
            "run", "issue.md", "--repo", "repo", "--sandbox", "local", "--strategy", "agent=1",
            "--name", "run", *endpoint(server.base_url),
        )  # fmt: skip
        process = subprocess.Popen(
            ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command], cwd=desk.folder, env=desk.variables(),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        server.wait_until(lambda: len(server.calls) >= 2)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "swe-scale resume run" in errors and "Traceback" not in errors
    assert not list((desk.folder / "cache" / "swe-scale" / "forks").iterdir()), "a sandbox was left behind"
