"""What is said of endpoints and sampling on the command line arrives there."""

import json
import socket
from pathlib import Path

import pytest
from main_job import ALSO_RIGHT, RIGHT, Desk, assert_clean, replies
from scripted_server import ScriptedServer


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def serving() -> ScriptedServer:
    written = replies([RIGHT, ALSO_RIGHT, RIGHT])
    return ScriptedServer(lambda step, _: written[step.partition("/")[2]])


def nobody() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"


def test_an_address_may_be_given_for_each_replica(desk: Desk) -> None:
    gone = nobody()
    with serving() as one, serving() as other:
        addresses = ("--base-url", one.base_url, "--base-url", other.base_url, "--base-url", gone)
        ran = desk.solve("--samples", "3", "--model", "scripted", *addresses, "--json")
        asked = [len(one.calls), len(other.calls)]
    assert_clean(ran, 0, f"scripted at {gone} can't be reached", "it is set aside until it is well")
    # One issue, one replica.
    assert sorted(asked) == [0, json.loads(ran.stdout)["usage"]["calls"]]


def test_one_address_given_twice_is_one_endpoint(desk: Desk) -> None:
    with serving() as server:
        twice = ("--base-url", server.base_url, "--base-url", server.base_url)
        assert_clean(desk.solve("--samples", "2", "--model", "scripted", *twice), 0)


def test_how_replies_are_drawn_is_sent(desk: Desk) -> None:
    drawn = ("--temperature", "0.2", "--temperature", "0.9", "--effort", "high", "--seed", "40")
    with serving() as server:
        given = ("--base-url", server.base_url, "--model", "scripted", "--samples", "3")
        assert_clean(desk.solve(*given, *drawn), 0)
        first = {
            call.step: (call.body["temperature"], call.body["seed"], call.body["reasoning_effort"])
            for call in server.calls
            if call.step.endswith("/turn/01") and "/trajectory/" in call.step
        }
    assert [first[step] for step in sorted(first)] == [
        (0.2, 41, "high"),
        (0.9, 42, "high"),
        (0.2, 43, "high"),
    ]


def test_the_doctor_asks_every_endpoint_by_itself(desk: Desk) -> None:
    gone = nobody()
    with ScriptedServer(lambda step, _: "fine") as server:
        file = desk.folder / "config.toml"
        file.write_text(
            '[models.default]\nkind = "pool"\nendpoints = [\n'
            f'{{ base_url = "{server.base_url}", model = "scripted" }},\n'
            f'{{ base_url = "{gone}", model = "scripted" }},\n]\n'
        )
        ran = desk.run("doctor", "--config", str(file), "--json")
    found = {one["topic"]: one for one in json.loads(ran.stdout)["findings"]}
    assert found["endpoint 1"]["status"] == "ok"
    assert found["endpoint 2"]["status"] == "fault" and gone in found["endpoint 2"]["text"]
    assert ran.returncode == 1


@pytest.mark.parametrize("same", [True, False])
def test_the_doctor_says_who_reads(desk: Desk, same: bool) -> None:
    gone = nobody()
    with ScriptedServer(lambda step, _: "fine") as server:
        file = desk.folder / "config.toml"
        file.write_text(
            f'[models.default]\nkind = "openai"\nbase_url = "{server.base_url}"\nmodel = "scripted"\n'
            f'[models.cheap]\nkind = "openai"\nbase_url = "{gone}"\nmodel = "small"\n'
            f'[stages]\nreader = "{"default" if same else "cheap"}"\n'
        )
        ran = desk.run("doctor", "--config", str(file), "--json")
    found = {one["topic"]: one["status"] for one in json.loads(ran.stdout)["findings"]}
    told = {topic: status for topic, status in found.items() if "endpoint" in topic or "reader" in topic}
    assert told == ({"endpoint and reader": "ok"} if same else {"endpoint": "ok", "reader": "fault"})


def two(host: str, model: str) -> str:
    first, second = (
        f'{{ base_url = "http://{a}/v1", model = "{b}" }}' for a, b in (("a", "x"), (host, model))
    )
    return f"endpoints = [{first}, {second}]"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (two("b", "y"), "one model"),
        (two("a", "x"), "twice"),
        ("endpoints = []", "at least 1"),
    ],
)
def test_a_pool_that_makes_no_sense_is_refused(desk: Desk, table: str, says: str) -> None:
    file = desk.folder / "config.toml"
    file.write_text(f'[models.default]\nkind = "pool"\n{table}\n')
    assert_clean(desk.solve("--config", str(file)), 2, says)
