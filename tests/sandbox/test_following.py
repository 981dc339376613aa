"""What a command in a container says is heard whole, however the service's answer is cut into pieces."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from swe_scale.sandbox.following import Exec, followed
from swe_scale.sandbox.process import Output

HEAD = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


def frame(stream: int, text: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(text).to_bytes(4, "big") + text


SAID = frame(1, b"seven\n") + frame(2, b"oh\n") + frame(1, b"x" * 200_000) + frame(1, b"")


class Service:
    """Answers as the container service does to what runs a command."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces

    def answer(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as reader:
            while line := reader.readline():
                path = line.split()[1].decode()
                size = 0
                while (header := reader.readline()) not in (b"\r\n", b""):
                    name, _, value = header.partition(b":")
                    size = int(value) if name.lower() == b"content-length" else size
                reader.read(size)
                if path.endswith("/start"):
                    for piece in self.pieces:
                        client.sendall(piece)
                        time.sleep(0.01)
                    return
                body = json.dumps({"Id": "e", "ExitCode": 3}).encode()
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ")
                client.sendall(str(len(body)).encode() + b"\r\n\r\n" + body)


@contextmanager
def listening(folder: Path, answer: Callable[[socket.socket], None]) -> Iterator[str]:
    place = folder / "service"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"unix://{place}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + SAID],
        [HEAD, SAID],
        [HEAD + SAID[:3], SAID[3:]],
        [HEAD[:20], HEAD[20:] + SAID[:11], SAID[11:100_000], SAID[100_000:]],
        [HEAD + SAID + frame(1, b"cut off")[:10]],
    ],
    ids=["with the head", "after it", "in a frame's head", "anywhere", "cut off"],
)
def test_what_comes_with_the_head_of_the_answer_is_not_lost(tmp_path: Path, pieces: Sequence[bytes]) -> None:
    outputs = (Output(1 << 20), Output(1 << 20))
    with listening(tmp_path, Service(pieces).answer) as address:
        api: Any = docker.APIClient(base_url=address, version="1.41", timeout=5)
        try:
            assert followed(api, "c", Exec(("true",), None), outputs) == 3
        finally:
            api.close()
    said, complained = (one.text for one in outputs)
    assert said.startswith("seven\n" + "x" * 200_000) and complained == "oh\n"
