"""A key per endpoint, from a variable or a file; none of them ever shows, whatever the servers say back."""

import json
from pathlib import Path

import pytest
from chat_protocol import error
from chat_script import ANY
from main_job import ALSO_RIGHT, RIGHT, Desk, complaint, replies
from scripted_server import ScriptedServer

KEYS = {
    "variable": "sk-canary-of-a-variable-1",
    "file": "sk-canary-of-a-file-2",
    "wrong": "sk-canary-wrong-3",
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.environment |= {"FIRST_KEY": KEYS["variable"], "WRONG_KEY": KEYS["wrong"]}
    (tmp_path / "second.key").write_text(KEYS["file"] + "\n")
    return desk


def serving(key: str) -> ScriptedServer:
    written = replies([RIGHT, ALSO_RIGHT, RIGHT])
    return ScriptedServer(lambda step, _: written[step.partition("/")[2]], key=key)


def configured(desk: Desk, first: str, second: str, place: str) -> tuple[str, ...]:
    file = desk.folder / "config.toml"
    key_file = json.dumps(str(desk.folder / "second.key"))
    file.write_text(
        '[models.default]\nkind = "pool"\n'
        f'[[models.default.endpoints]]\nmodel = "scripted"\nbase_url = "{first}"\nkey_variable = "{place}"\n'
        f'[[models.default.endpoints]]\nmodel = "scripted"\nbase_url = "{second}"\nkey_file = {key_file}\n'
    )
    return ("--config", str(file), "--samples", "3", "--json")


def assert_hidden(desk: Desk, *texts: str) -> None:
    """Fail if a key is anywhere but in the file that holds it."""
    for key in KEYS.values():
        assert not any(key in text for text in texts)
        for path in desk.folder.rglob("*"):
            if path.is_file() and path.name != "second.key":
                assert key.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("up", [(True, True), (True, False), (False, True)])
def test_each_endpoint_gets_its_own(desk: Desk, up: tuple[bool, bool]) -> None:
    """Whichever of the two is well: the other one repeats the key in its refusals."""
    with serving(KEYS["variable"]) as first, serving(KEYS["file"]) as second:
        for server, well in zip((first, second), up, strict=True):
            if not well:
                server.faults[ANY] = [error(500, f"{server.key} broke me")] * 40
        options = configured(desk, first.base_url, second.base_url, "FIRST_KEY")
        ran = desk.solve(*options)
        asked = {call.headers["authorization"] for server in (first, second) for call in server.calls}
    assert ran.returncode == 0, ran.stderr
    assert asked <= {f"Bearer {KEYS['variable']}", f"Bearer {KEYS['file']}"} and asked
    assert_hidden(desk, ran.stdout, ran.stderr)


def test_a_wrong_key_leaves_its_endpoint_out(desk: Desk) -> None:
    with serving(KEYS["variable"]) as first, serving(KEYS["file"]) as second:
        ran = desk.solve(*configured(desk, first.base_url, second.base_url, "WRONG_KEY"))
        assert not first.calls and second.calls
    assert ran.returncode == 0
    assert "refuses the key in WRONG_KEY" in ran.stderr and "left out of this run" in ran.stderr
    assert_hidden(desk, ran.stdout, ran.stderr)


def test_where_all_keys_are_wrong_the_run_stops_and_says_so(desk: Desk) -> None:
    with serving("sk-another") as first, serving("sk-another") as second:
        ran = desk.solve(*configured(desk, first.base_url, second.base_url, "WRONG_KEY"))
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert "WRONG_KEY" in ran.stderr and "second.key" in ran.stderr
    assert_hidden(desk, ran.stdout, ran.stderr)


def test_a_key_that_is_refused_in_the_middle_stops_the_run_at_once(desk: Desk) -> None:
    with serving(KEYS["variable"]) as first, serving(KEYS["variable"]) as second:
        (desk.folder / "second.key").write_text(KEYS["variable"])
        options = configured(desk, first.base_url, second.base_url, "FIRST_KEY")
        for server in (first, second):
            for index in (1, 2, 3):
                server.faults[f"issue/trajectory/{index:02}/turn/02"] = [error(401, f"no {server.key}")]
        ran = desk.solve(*options)
        calls = first.calls + second.calls
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert complaint(ran)[0].startswith("none of the 2 endpoints of scripted answers")
    assert "refuses the key" in ran.stderr
    assert not [call for call in calls if call.step.endswith("/turn/03")]
