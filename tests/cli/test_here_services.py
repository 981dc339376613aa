"""`--here --service`: what a CI job has started on its host is reached by cells, one command at a time."""

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from here_kit import solve
from main_job import SOURCE, Desk, assert_clean, endpoint, git
from sandbox_kit import without_bubblewrap
from scripted_server import ScriptedServer

ASKS = """import socket, time
with socket.create_connection(("127.0.0.1", {port}), 5) as asked:
    asked.sendall(b"are you there?")
    asked.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    assert asked.makefile("rb").read() == b"yes, are you there?"


"""


@dataclass
class Server:
    """Answers once a client has said all, and knows how many it had at a time."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    now: int = 0
    most: int = 0
    answered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def listen(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client: socket.socket) -> None:
        with closing(client):
            said = b""
            while part := client.recv(1 << 16):
                if not said:
                    with self.lock:
                        self.now += 1
                        self.most = max(self.most, self.now)
                said += part
            if said:
                client.sendall(b"yes, " + said)
                with self.lock:
                    self.now -= 1
                    self.answered += 1


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    threading.Thread(target=made.listen, daemon=True).start()
    yield made
    # So that whoever waits in `accept` wakes up.
    made.listener.shutdown(socket.SHUT_RDWR)
    made.listener.close()


@pytest.fixture
def desk(server: Server) -> Iterator[Desk]:
    if reason := without_bubblewrap():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="here-") as folder:
        desk = Desk(Path(folder))
        (desk.repository / "stats.py").write_text(ASKS.format(port=server.port) + SOURCE)
        git(desk.repository, "commit", "-qam", "asks a server")
        yield desk


@pytest.mark.bubblewrap
@pytest.mark.parametrize("sandbox", ["bubblewrap", "local"])
def test_a_server_of_the_job_is_reached_in_turns(desk: Desk, server: Server, sandbox: str) -> None:
    ran = solve(desk, "--sandbox", sandbox, "--service", str(server.port), "--cells", "3")
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    assert answer["outcome"] == "proposed", answer["reason"]
    assert server.answered > 6 and server.most == 1


@pytest.mark.bubblewrap
def test_nothing_is_reached_that_was_not_named(desk: Desk, server: Server) -> None:
    ran = solve(desk, "--sandbox", "bubblewrap")
    assert json.loads(ran.stdout)["outcome"] == "abstained"
    assert server.answered == 0


@pytest.mark.bubblewrap
def test_a_server_that_is_not_there_is_named(desk: Desk, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        gone = free.getsockname()[1]
    ran = solve(desk, "--service", str(server.port), "--service", f"localhost:{gone}")
    assert_clean(ran, 1, f"nothing takes a connection at localhost:{gone}")


@pytest.mark.bubblewrap
@pytest.mark.parametrize("given", ["", "x", "0", "70000", "a b:80", "-h:80", "80:", "::1:80", "é:1", "8 0"])
def test_what_is_no_server_is_said(desk: Desk, given: str) -> None:
    assert_clean(solve(desk, f"--service={given}"), 2, "write PORT or HOST:PORT")


@pytest.mark.bubblewrap
def test_one_port_stands_for_one_server(desk: Desk) -> None:
    assert_clean(solve(desk, "--service", "a:80", "--service", "b:80"), 2, "--service", "the same port")


@pytest.mark.bubblewrap
@pytest.mark.parametrize("sandbox", ["bubblewrap", "local"])
def test_a_declared_service_has_no_other_at_its_port(desk: Desk, server: Server, sandbox: str) -> None:
    declared = f'name = "own"\nport = {server.port}\ncommand = "true"\n'
    (desk.repository / "swe-scale.toml").write_text(
        f"[environment]\nsetup = []\n[[environment.services]]\n{declared}"
    )
    git(desk.repository, "add", "-A")
    git(desk.repository, "commit", "-qm", "declares one")
    ran = solve(desk, "--sandbox", sandbox, "--service", str(server.port))
    assert_clean(ran, 2, f"declares a server at port {server.port}, too")


def test_servers_are_for_a_checkout_in_place(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with ScriptedServer(lambda *_: "") as model:
        ran = desk.solve("--service", "5432", *endpoint(model.base_url))
    assert_clean(ran, 2, "--service is for --here")
