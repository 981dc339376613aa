"""`run --serve` starts the server, asks it, survives its crash, and leaves none behind."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from main_job import ALSO_RIGHT, RIGHT, Desk, assert_clean, complaint, replies
from serving_kit import alive, described

SERVER = Path(__file__).parent.parent / "replying_server.py"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    (tmp_path / "replies.json").write_text(json.dumps(replies([RIGHT, ALSO_RIGHT, RIGHT])))
    described(tmp_path / "small")
    return desk


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def configured(desk: Desk, **variables: object) -> tuple[str, ...]:
    command = json.dumps([sys.executable, str(SERVER), "--model", "{model}"])
    given = {"REPLYING_PLACE": str(desk.folder), **{name: str(value) for name, value in variables.items()}}
    table = "".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items())
    file = desk.folder / "config.toml"
    file.write_text(f"[serve]\ncommand = {command}\nport = {free_port()}\n[serve.variables]\n{table}")
    return ("--config", str(file), "--serve", str(desk.folder / "small"), "--samples", "3", "--json")


def servers(desk: Desk) -> list[int]:
    return [int(word) for word in (desk.folder / "starts").read_text().split()]


def test_it_runs_as_long_as_the_command(desk: Desk) -> None:
    ran = desk.solve(*configured(desk))
    assert_clean(ran, 0, "serving", "model small")
    answer = json.loads(ran.stdout)
    assert answer["outcome"] == "proposed" and answer["usage"]["calls"] == 9
    assert len(servers(desk)) == 1 and not any(map(alive, servers(desk)))


def test_a_crash_costs_no_trajectory(desk: Desk) -> None:
    ran = desk.solve(*configured(desk, REPLYING_CRASH=4))
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    assert [one["outcome"] for one in answer["trajectories"]] == ["done"] * 3
    assert len(servers(desk)) == 2 and not any(map(alive, servers(desk)))


def test_a_run_that_was_stopped_starts_its_server_again(desk: Desk) -> None:
    options = configured(desk)
    place = ("run", str(desk.issue), "--repo", str(desk.repository), "--sandbox", "local", "--name", "one")
    with subprocess.Popen(
        desk.command(*place, *options), cwd=desk.folder, env=desk.variables(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("turn "):
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert not any(map(alive, servers(desk)))
    ran = desk.run("resume", "one", "--json")
    assert_clean(ran, 0)
    assert json.loads(ran.stdout)["outcome"] == "proposed"
    assert len(servers(desk)) == 2 and not any(map(alive, servers(desk)))


@pytest.mark.parametrize("other", [("--base-url", "http://x/v1"), ("--model", "m"), ("--replies", "r")])
def test_no_other_model_is_named_beside_it(desk: Desk, other: tuple[str, str]) -> None:
    ran = desk.solve(*configured(desk), *other)
    assert_clean(ran, 2, f"leave out {other[0]}")


def test_a_server_that_can_not_start_says_why(desk: Desk) -> None:
    (desk.folder / "replies.json").unlink()
    ran = desk.solve(*configured(desk))
    assert ran.returncode == 1
    said = complaint(ran)
    assert "can't start" in said[0] or "ended" in said[0]
    # The end of its log, in its own words.
    assert any("replies.json" in line for line in said)
    assert not any(map(alive, servers(desk) if (desk.folder / "starts").exists() else []))
