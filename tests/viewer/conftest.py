"""A real browser, for reports as people see them."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chromium import Tab

_MAKER = re.compile(rb"[A-Z]+ (https?://)?[a-z0-9.-]+\.(google|googleapis|gvt1|gstatic)\.com[:/]")
VIEWING = Path(__file__).resolve().parent.parent.parent / "evaluation" / "benchmarks" / "viewing"


class Counter:
    """Stands for the whole network: every connection that the browser tries to make comes here."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.asked: list[bytes] = []

    def count(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                asked = connection.recv(1 << 12)
            # Whatever it is told, the browser asks its maker for news of its own.
            if not _MAKER.match(asked):
                self.asked.append(asked)


@pytest.fixture(scope="session")
def network() -> Iterator[Counter]:
    """Everything that the browser asks of the network."""
    counter = Counter()
    thread = threading.Thread(target=counter.count, daemon=True)
    thread.start()
    yield counter
    counter.socket.shutdown(socket.SHUT_RDWR)
    counter.socket.close()
    thread.join()


@pytest.fixture(scope="session")
def browser(network: Counter) -> Iterator[Callable[[Path], "Tab"]]:
    """Opens a file in a page of its own, in one browser for all tests."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(VIEWING))
    from chromium import Tab, chromium, program

    if program() is None:
        pytest.skip("Chromium isn't installed")
    proxy = (f"--proxy-server=http://127.0.0.1:{network.port}", "--proxy-bypass-list=<-loopback>")
    with chromium(*proxy) as pipe:

        def open_file(file: Path, part: str = "") -> Tab:
            tab = Tab(pipe)
            tab.events()
            tab.go(file.absolute().as_uri() + part)
            return tab

        yield open_file
    patch.undo()
