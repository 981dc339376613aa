"""What is given, or what answers, is broken: one or two clear lines, the right exit code, nothing lost."""

import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from chat_protocol import Fault, plain
from chat_script import LISTING
from disk_kit import small_disk
from main_job import (
    ALSO_RIGHT,
    RIGHT,
    Desk,
    assert_clean,
    complaint,
    git,
    make_repository,
    replies,
)
from main_job import endpoint as options
from scripted_server import ScriptedServer

HANG, SLOW = Fault(hang=True, always=True), Fault(delay=5.0, always=True)
HTML = Fault(body=b"<html>busy</html>", headers={"Content-Type": "text/html"}, always=True)
HALF = Fault(body=b'{"choices": [{"message": {"content": "I look at', always=True)
REFUSAL = Fault(body=b'{"error": {"message": "out of memory", "code": 500}}', always=True)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    written = replies((RIGHT, RIGHT))
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as running:
        yield running


def impatient(desk: Desk, server: ScriptedServer) -> tuple[str, ...]:
    """Return the options that name the server in a configuration file with little patience."""
    file = desk.folder / "config.toml"
    file.write_text(
        f'[models.default]\nkind = "openai"\nbase_url = "{server.base_url}"\nmodel = "scripted"\n'
        "timeout = 0.5\nretries = 0\n"
    )
    return ("--config", str(file), "--samples", "2", "--name", "run")


ANSWERS = (
    (SLOW, "gave no reply within 0.5 s"),
    (HANG, "gave no reply within 0.5 s"),
    (HTML, "something that isn't JSON (b'<html>busy"),
    (HALF, "breaks off or isn't JSON"),
    (REFUSAL, "failed: 500 (out of memory)"),
    (plain('{"choices": []}'), "without any choice"),
    (plain('{"choices": [{"message": {"content": null}}]}'), "without any content"),
    (plain("[]"), "unknown form"),
)


def test_an_endpoint_that_answers_badly_is_named_and_the_run_goes_on_when_it_is_mended(desk: Desk) -> None:
    written = replies((RIGHT,) * len(ANSWERS))
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        for index, (fault, _) in enumerate(ANSWERS, start=1):
            server.faults[f"issue/trajectory/{index:02}/turn/01"] = [replace(fault, always=True)]
        ran = desk.solve(*impatient(desk, server), "--samples", str(len(ANSWERS)))
        assert_clean(ran, 1, *(text for _, text in ANSWERS))
        said = complaint(ran)
        assert len(said) == 2 and server.base_url in said[0] and "Raise timeout" in said[1]
        server.faults.clear()
        assert_clean(desk.run("resume", "run"), 0)


def test_an_endpoint_that_does_not_list_its_models_costs_nothing(desk: Desk, server: ScriptedServer) -> None:
    for fault, text in ((HANG, "/models took longer than 0.5 s"), (HTML, "is no list"), (HALF, "is no list")):
        server.faults[LISTING] = [fault]
        ran = desk.solve(*impatient(desk, server))
        assert_clean(ran, 1, text)
        assert len(complaint(ran)) == 2 and not server.calls and not (desk.folder / "runs").exists()


def test_an_endpoint_that_dies_in_the_middle(desk: Desk) -> None:
    written = replies((RIGHT, ALSO_RIGHT))
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as first:
        for index in (1, 2):
            first.faults[f"issue/trajectory/0{index}/turn/02"] = [Fault(close=True, always=True)]
        ran = desk.solve(*impatient(desk, first))
        paid, port = first.count("finished"), int(first.base_url.split(":")[2].split("/")[0])
    assert_clean(ran, 1, "broke the connection off")
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]], port=port) as second:
        assert_clean(desk.run("resume", "run"), 0)
        assert not [step for step in second.count("finished") if paid[step]], "a finished call was made again"


ENVIRONMENTS = (
    ("x = " + "[" * 5000, 2, "is not valid TOML"),
    (
        "[environment]\nsetups = []\nsetup = 3\n",
        2,
        "setup: Value error, must be a string or a list of strings",
    ),
    ("environment = 3\n", 2, "must be a table"),
    ('[environment]\nimage = "python:3.11"\n', 1, "can't start from the image"),
    ('[environment]\nsetup = ["echo one; read answer || exit 6"]\n', 1, "failed with exit code 6"),
)


def test_environments_that_cannot_be(desk: Desk, server: ScriptedServer) -> None:
    given = desk.folder / "environment.toml"
    for content, code, text in ENVIRONMENTS:
        given.write_text(content)
        ran = desk.solve("--environment", str(given), "--repair-rounds", "0", *options(server.base_url))
        assert_clean(ran, code, text)
        assert len(complaint(ran)) <= 3
    own = make_repository(desk.folder / "own", {"stats.py": "", "swe-scale.toml": "[environment\n"})
    ran = desk.solve(*options(server.base_url), repo=own)
    assert_clean(ran, 2, "the repository's swe-scale.toml is not valid TOML")
    assert not server.calls


def test_set_up_that_talks_without_end_shows_its_end_and_can_steer_no_terminal(
    desk: Desk, server: ScriptedServer
) -> None:
    line = r"yes a line of output | head -c 10000000; printf '\033[2Jthe end'; exit 3"
    given = desk.folder / "environment.toml"
    given.write_text(f"[environment]\nsetup = ['''{line}''']\n")
    ran = desk.solve("--environment", str(given), *options(server.base_url))
    assert_clean(ran, 1, "exit code 3", "the end")
    assert len(complaint(ran)) <= 22 and "\x1b" not in ran.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("size", ["64k", "140k"])
def test_a_full_disk_loses_nothing_that_was_recorded(desk: Desk, server: ScriptedServer, size: str) -> None:
    command = ("--samples", "2", "--name", "run", *options(server.base_url))
    with small_disk(desk.folder / "runs", size):
        ran = desk.solve(*command)
        assert_clean(ran, 1, "disk is full")
        assert len(complaint(ran)) <= 2
        record = sqlite3.connect(desk.folder / "runs" / "run" / "run.sqlite")
        with closing(record):
            kept = {path for (path,) in record.execute("SELECT path FROM steps")}
        paid = server.count("finished")
        subprocess.run(["mount", "-o", "remount,size=20m", str(desk.folder / "runs")], check=True)
        assert_clean(desk.solve(*command), 0)
    again = server.count("finished") - paid
    assert not [step for step in kept if again[step]], "a recorded call was made again"


def test_run_folders_that_cannot_be_used(desk: Desk, server: ScriptedServer) -> None:
    folder = desk.folder / "runs" / "run"
    command = ("--samples", "2", "--name", "run", *options(server.base_url))
    desk.folder.joinpath("runs").write_text("a file")
    assert_clean(desk.solve(*command), 1, "runs/run can't be made: Not a directory")
    desk.folder.joinpath("runs").unlink()
    folder.mkdir(parents=True)
    folder.joinpath("run.sqlite").write_bytes(b"garbage" * 1000)
    assert_clean(desk.solve(*command), 1, "run.sqlite", "not a database")
    assert_clean(desk.run("resume", "run"), 1, "run.sqlite", "not a database")
    assert folder.joinpath("run.sqlite").read_bytes() == b"garbage" * 1000
    folder.joinpath("run.sqlite").write_bytes(b"")
    assert_clean(desk.run("resume", "run"), 2, "there is no run to go on with")
    with closing(sqlite3.connect(folder / "run.sqlite")) as record:
        record.execute("PRAGMA user_version = 99")
    assert_clean(desk.run("resume", "run"), 1, "written by a newer swe-scale", "update")
    assert not server.calls


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become a user without a home")
def test_a_machine_without_a_place_for_caches(desk: Desk, server: ScriptedServer) -> None:
    desk.environment = {"XDG_CACHE_HOME": "/dev/null/cache"}
    assert_clean(desk.solve(*options(server.base_url)), 1, "/dev/null/cache", "can't be written")
    nobody = "import os, swe_scale.config as c; os.setuid(54321); print(c.cache_folder())"
    variables = {name: value for name, value in os.environ.items() if name != "HOME"}
    for named, said in (("/var/cache", "/var/cache/swe-scale"), ("relative", "set HOME, or XDG_CACHE_HOME")):
        ran = subprocess.run(
            [sys.executable, "-c", nobody], env={**variables, "XDG_CACHE_HOME": named},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert said in ran.stdout + ran.stderr
    assert not server.calls


def test_configurations_that_cannot_be(desk: Desk) -> None:
    file = desk.folder / "config.toml"
    content = "[models.default]\nmodel = 'm'\n[modles]\n[limits]\nseconds = -1\n"
    file.write_text(content)
    said = ("models.default: its kind is missing", "modles: there is no such field", "limits.seconds")
    assert_clean(desk.solve("--config", str(file)), 2, str(file), *said)
    file.write_text("x = " + "[" * 5000)
    assert_clean(desk.solve("--config", str(file)), 2, "is not valid TOML")


def test_wherever_the_answer_goes(desk: Desk, server: ScriptedServer) -> None:
    command = ("--samples", "2", "--name", "run", *options(server.base_url))
    assert_clean(desk.solve("--out", ".", *command), 2, "--out", "folder that exists")
    assert not server.calls
    first = desk.solve(*command, "--out", "/dev/stdout", "--json")
    assert_clean(first, 0)
    assert first.stdout.startswith("diff --git") and Path("/dev/stdout").is_symlink()
    line = " ".join(map(shlex.quote, desk.command("run", str(desk.issue), "--repo", str(desk.repository))))
    line += " --sandbox local " + " ".join(map(shlex.quote, command))
    for tail, code, text in (
        ("| head -1", 0, ""), ("--json | head -c 10", 0, ""), ("<&- >&-", 0, ""),
        ("--json >/dev/full", 1, "No space left"),
    ):  # fmt: skip
        ran = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {line} {tail}"],
            cwd=desk.folder, env=desk.variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        # A pipe's reader may have left before or after the last of it was written.
        assert ran.returncode in ({0, 1} if "|" in tail else {code}), (tail, ran.stderr)
        assert text in ran.stderr and "Traceback" not in ran.stderr, (tail, ran.stderr)
    desk.environment["PYTHONIOENCODING"] = "ascii"
    assert_clean(desk.solve(*command), 0)
    assert git(desk.repository, "status", "--porcelain") == ""
