"""`swe-scale run` with a verifier and several verdicts, as its user meets it."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from main_job import ALSO_RIGHT, RIGHT, WRONG, Desk, assert_clean, endpoint, replies
from scripted_server import ScriptedServer

KEY = "sk-score-secret"
SHORTEST = """
import json, os, sys
told = json.load(sys.stdin)
print("environment:", *os.environ, file=sys.stderr)
open("asked", "a").write("x")
print(json.dumps({"scores": {one["id"]: -len(one["patch"]) for one in told["candidates"]}}))
"""
ALSO_WRONG = "    return sum(values) / len(values or [1])  # it is empty"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, environment={"SWE_SCALE_SCORE_KEY": KEY})


def serve(*bodies: str, verdicts: tuple[str, ...] = ()) -> ScriptedServer:
    """Serve replies: trajectories, and a verdict per conversation of the selection."""
    written = replies(bodies or (RIGHT, ALSO_RIGHT, WRONG, ALSO_WRONG))
    for number, label in enumerate(verdicts, start=1):
        place = f"/{number:02}" if number > 1 else ""
        written[f"selection{place}/turn/01"] = f'So it is.\n<choose candidate="{label}"/>\n'
    return ScriptedServer(lambda step, _: written[step.partition("/")[2]])


def program(desk: Desk, body: str) -> str:
    (desk.folder / "verifier.py").write_text(body)
    return shlex.join([sys.executable, "verifier.py"])


def test_scores_are_asked_for_once_recorded_and_count(desk: Desk) -> None:
    with serve() as server:
        given = ("--samples", "4", "--json", "--score-command", program(desk, SHORTEST))
        first = desk.solve(*given, *endpoint(server.base_url))
        again = desk.solve(*given, *endpoint(server.base_url))
    assert_clean(first, 0)
    answer = json.loads(first.stdout)
    assert json.loads(again.stdout) == answer
    assert (desk.folder / "asked").read_text() == "x"
    lengths = {one["id"]: -len(one["patch"]) for one in answer["candidates"]}
    assert answer["scores"]["values"] == lengths and not answer["scores"].get("fault")
    assert "right with probability" in answer["reason"] and "by the verifier" in answer["reason"]
    assert KEY not in first.stdout + first.stderr


def test_a_verifier_that_fails_is_said_and_the_run_goes_on(desk: Desk) -> None:
    broken = program(desk, "import os, sys; sys.exit('no model in ' + os.environ.get('HOME', ''))")
    with serve() as server:
        options = ("--samples", "4", "--score-command", broken, *endpoint(server.base_url))
        ran = desk.solve(*options)
    assert_clean(ran, 0)
    assert "the verifier (command): it ended with status 1: no model in" in " ".join(ran.stderr.split())


def test_several_verdicts_are_weighed_and_recorded(desk: Desk) -> None:
    with serve(verdicts=("none", "none", "none")) as server:
        given = ("--samples", "4", "--rule", "latent", "--judges", "3", "--selection", "list")
        ran = desk.solve(*given, "--json", *endpoint(server.base_url))
        asked = [call for call in server.calls if "/selection" in call.step]
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    assert len(answer["opinions"]) == len(asked) <= 3
    assert all(one["chosen"] is None for one in answer["opinions"])
    for call in asked:
        assert "<check>" not in str(call.body["messages"][1])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--selection", "vote"), "--selection 'vote': known are checks, list, none."),
        (("--judges", "0"), "--judges"),
        (("--judges", "3", "--selection", "none"), "--judges 3 wants verdicts, but --selection none"),
        (("--judges", "2", "--selection-turns", "0"), "but --selection-turns 0 asks nobody"),
        (("--score-command", ""), "--score-command is empty"),
        (("--score-command", "a 'b"), "can't be read: No closing quotation"),
        (("--score-command", "no-such-program x"), "there is no program 'no-such-program'"),
        (("--score-endpoint", "localhost:9"), "is no web address"),
        (("--score-endpoint", "http://me:pw@x/"), "no user name or password"),
        (("--score-endpoint", "http://x/", "--score-command", "cat"), "name two verifiers"),
        (("--rule", "scored"), "--rule scored needs a verifier"),
    ],
)
def test_bad_options_are_explained(desk: Desk, options: tuple[str, ...], text: str) -> None:
    with serve() as server:
        ran = desk.solve(*options, *endpoint(server.base_url))
        assert not server.calls
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
    assert text in " ".join(ran.stderr.replace("│", " ").split()), ran.stderr
    assert "pw" not in ran.stderr


def test_the_configuration_may_name_the_verifier_and_its_limits(desk: Desk) -> None:
    config = desk.folder / "config.toml"
    command = json.dumps([sys.executable, "verifier.py"])
    program(desk, "import time; time.sleep(100)")
    config.write_text(f'[score]\nkind = "command"\ncommand = {command}\nseconds = 0.5\n')
    with serve() as server:
        options = ("--samples", "2", "--config", "config.toml", "--json", *endpoint(server.base_url))
        ran = desk.solve(*options)
    assert_clean(ran, 0)
    assert json.loads(ran.stdout)["scores"]["fault"] == "it gave no answer within 0.5 s and was stopped"
    config.write_text('[score]\nkind = "oracle"\n')
    assert_clean(desk.solve("--config", "config.toml", "--model", "m", "--base-url", "http://x"), 2, "score")
