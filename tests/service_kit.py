"""What stands between client and service in tests: relays that delay, cut and answer for it; a registry."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from secrets import token_hex

import docker
import pytest

Rule = Callable[[bytes], bytes | None]
"""Gets what the client sends; what it returns is answered in the service's place."""


@dataclass
class Relay:
    """Passes connections on to a service, unless told otherwise."""

    listener: socket.socket
    target: Callable[[], socket.socket]
    delay: float = 0.0
    """Seconds before anything of the client's is passed on."""
    cut: int = 0
    """Connections still to be dropped as soon as they come."""
    cut_after: tuple[int, int] = (0, 0)
    """Connections still to be dropped in the middle, and the bytes of answer after which they are."""
    rule: Rule | None = None
    asked: list[bytes] = field(default_factory=list)
    """The first line of each request."""
    _threads: list[threading.Thread] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)

    def start(self) -> None:
        """Begin to accept."""
        thread = threading.Thread(target=self._accept)
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """Refuse what comes, drop what is there."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()
        for thread in self._threads:
            thread.join()

    def drop(self) -> int:
        """Drop every connection; return how many ends were still open."""
        dropped = 0
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
                dropped += 1
        return dropped

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.cut > 0:
                self.cut -= 1
                client.close()
                continue
            server = self.target()
            self._open += [client, server]
            for work in (self._send, self._answer):
                thread = threading.Thread(target=work, args=(client, server))
                thread.start()
                self._threads.append(thread)

    def _send(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if data.split(b" ", 1)[0] in (b"GET", b"POST", b"PUT", b"DELETE", b"HEAD"):
                    self.asked.append(data.split(b"\r\n", 1)[0])
                time.sleep(self.delay)
                if self.rule is not None and (answer := self.rule(data)) is not None:
                    client.sendall(answer)
                    break
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                passed += len(data)
                left, most = self.cut_after
                if left and passed > most:
                    self.cut_after = (left - 1, most)
                    break
                client.sendall(data)
        for one in (client, server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def http(status: str, body: str) -> bytes:
    """Return an answer of JSON."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n{body}".encode()


def _service() -> socket.socket:
    found = socket.socket(socket.AF_UNIX)
    found.connect(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    return found


@contextmanager
def service_relay(path: Path) -> Iterator[Relay]:
    """Return a relay to the container service that listens at a path."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)
    relay = Relay(listener, _service)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as one:
        port: int = one.getsockname()[1]
        return port


@contextmanager
def registry_relay(port: int) -> Iterator[tuple[Relay, int]]:
    """Return a relay to a registry, and the port at which it listens."""
    listener = socket.create_server(("127.0.0.1", 0))
    relay = Relay(listener, lambda: socket.create_connection(("127.0.0.1", port)))
    relay.start()
    try:
        yield relay, listener.getsockname()[1]
    finally:
        relay.stop()


@contextmanager
def registry(folder: Path) -> Iterator[int]:
    """Return the port of a registry that keeps its images in a folder."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry isn't installed")
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder}'}}}}\n"
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/"):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def _packed(files: dict[str, bytes]) -> bytes:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, BytesIO(content))
    return packed.getvalue()


def import_image(files: dict[str, bytes]) -> str:
    """Return the name of a new image that holds these files."""
    name = f"swe-scale-test/made:{token_hex(4)}"
    subprocess.run(["docker", "import", "-", name], input=_packed(files), capture_output=True, check=True)
    return name


def load_image(files: dict[str, bytes], architecture: str) -> str:
    """Return the name of a new image that holds these files and says that it is for this architecture."""
    layer, name = _packed(files), f"swe-scale-test/made:{token_hex(4)}"
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{sha256(layer).hexdigest()}"]}
    config = {"architecture": architecture, "os": "linux", "config": {"Cmd": ["sh"]}, "rootfs": rootfs}
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    archive = _packed(
        {
            "manifest.json": json.dumps(manifest).encode(),
            "config.json": json.dumps(config).encode(),
            "layer.tar": layer,
        }
    )
    subprocess.run(["docker", "load"], input=archive, capture_output=True, check=True)
    return name


def remove_images(*names: str) -> None:
    """Remove images, whether or not they are there."""
    with closing(docker.from_env()) as client:
        for name in names:
            with contextlib.suppress(docker.errors.APIError):
                client.images.remove(name, force=True)
