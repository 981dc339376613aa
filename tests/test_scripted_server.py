import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chat_protocol import Fault
from scripted_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer({"pkg/1": "a reply of more than twenty characters", "": "without a step"}) as server:
        yield server


def post(base_url: str, body: bytes, **headers: str) -> tuple[int, str]:
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request("POST", f"{parts.path}/chat/completions", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def chat(**fields: object) -> bytes:
    return json.dumps(
        {"model": "scripted", "messages": [{"role": "user", "content": "?"}], **fields}
    ).encode()


def test_a_stream_holds_the_same_text(server: ScriptedServer) -> None:
    status, text = post(server.base_url, chat(stream=True), **{"X-Request-Id": "pkg/1"})
    *events, last = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    chunks = [json.loads(event) for event in events]
    assert (status, last) == (200, "[DONE]")
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]]
    assert "".join(pieces) == "a reply of more than twenty characters"
    assert chunks[-1]["usage"]["prompt_tokens"] == 1


def test_a_client_that_names_no_step(server: ScriptedServer) -> None:
    assert "without a step" in post(server.base_url, chat())[1]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", chat(model="other"), chat(messages=[]), chat(messages="?")]
)
def test_a_bad_request_is_refused(server: ScriptedServer, body: bytes) -> None:
    status, text = post(server.base_url, body, **{"X-Request-Id": "pkg/2"})
    assert 400 <= status < 500
    assert json.loads(text)["error"]["message"]


def test_a_fault_meets_one_call(server: ScriptedServer) -> None:
    server.faults["pkg/1"] = [Fault(503, b"busy")]
    statuses = [post(server.base_url, chat(), **{"X-Request-Id": "pkg/1"})[0] for _ in range(3)]
    assert statuses == [503, 200, 200]
    assert server.count("finished") == {"pkg/1": 2}
    assert server.count("fault") == {"pkg/1": 1}


def test_clients_that_hang_up_are_survived(server: ScriptedServer) -> None:
    server.faults["pkg/1"] = [Fault(hang=True)] * 5
    parts = urlsplit(server.base_url)
    for _ in range(5):
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        connection.request("POST", f"{parts.path}/chat/completions", chat(), {"X-Request-Id": "pkg/1"})
        server.wait_until(lambda: server.in_flight == 1)
        connection.close()
        server.wait_until(lambda: server.in_flight == 0)
    assert server.count("dropped") == {"pkg/1": 5}
    assert post(server.base_url, chat())[0] == 200


def test_it_ends_while_a_call_hangs() -> None:
    with ScriptedServer({"": "x"}, faults={"": [Fault(hang=True)]}) as server:
        connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=20)
        connection.request("POST", "/v1/chat/completions", chat())
        server.wait_until(lambda: server.in_flight == 1)
    assert server.in_flight == 0
    connection.close()


def test_on_its_own(tmp_path: Path) -> None:
    (tmp_path / "turn").mkdir()
    (tmp_path / "turn/05.md").write_text("five")
    log = tmp_path / "log"
    script = Path(__file__).with_name("scripted_server.py")
    command = [sys.executable, str(script), "--replies", str(tmp_path), "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        base_url = server.stdout.readline().strip()
        assert "five" in post(base_url, chat(), **{"X-Request-Id": "pkg/turn/05", "Authorization": "k"})[1]
        assert post(base_url, chat(), **{"X-Request-Id": "pkg/turn/06"})[0] == 400
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait(20) == 0
        assert server.communicate() == ("", "")
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(call["step"], call["outcome"]) for call in calls] == [
        ("pkg/turn/05", "finished"),
        ("pkg/turn/06", "fault"),
    ]
    assert "authorization" not in log.read_text().lower()
