"""Drives a real headless Chromium over a pipe, by its DevTools protocol and with nothing but Python's own."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

_QUIET = (
    "--headless", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-default-apps", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
    "--disable-gpu", "--hide-scrollbars", "--mute-audio", "--no-pings",
    "--disable-features=NetworkTimeServiceQuerying,OptimizationHints,MediaRouter,Translate",
    "--remote-debugging-pipe",
)  # fmt: skip
_PATIENCE = 120.0
"""Seconds for one answer."""

Event = dict[str, Any]


def program() -> str | None:
    """Return the browser's program; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Pipe:
    """Messages to and from the browser."""

    def __init__(self, to: int, back: int) -> None:
        self._to = to
        self._back = back
        self._number = 0
        self._rest = b""
        self._events: list[Event] = []

    def call(self, method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        """Return what a method returns.

        Raises:
            RuntimeError: it failed.
            TimeoutError: the browser doesn't answer.
        """
        self._number += 1
        message: Event = {"id": self._number, "method": method, "params": given}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        end = monotonic() + _PATIENCE
        while True:
            found = self._next(end)
            if found.get("id") != self._number:
                self._events.append(found)
            elif "error" in found:
                raise RuntimeError(f"{method}: {found['error']}")
            else:
                return dict(found["result"])

    def events(self) -> list[Event]:
        """Return what has been reported since the last time."""
        with suppress(TimeoutError):
            while True:
                self._events.append(self._next(monotonic() + 0.05))
        found, self._events = self._events, []
        return found

    def _next(self, end: float) -> Event:
        while b"\0" not in self._rest:
            if not select.select([self._back], [], [], max(0.0, end - monotonic()))[0]:
                raise TimeoutError("the browser doesn't answer")
            part = os.read(self._back, 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


class Tab:
    """One page of the browser."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        target = pipe.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = pipe.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self._target = target

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """Return what a method returns for this page."""
        return self._pipe.call(method, self._session, **given)

    def events(self) -> list[Event]:
        """Return what has been reported since the last time."""
        return self._pipe.events()

    def go(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def value(self, expression: str) -> Any:
        """Return the value of an expression; a promise is awaited.

        Raises:
            RuntimeError: it throws.
        """
        made = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in made:
            raise RuntimeError(f"{expression}: {made['exceptionDetails']}")
        return made["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression holds.

        Raises:
            TimeoutError: it doesn't.
        """
        end = monotonic() + _PATIENCE
        while not self.value(f"Boolean({condition})"):
            if monotonic() > end:
                raise TimeoutError(condition)
            sleep(0.01)

    def picture(
        self, path: Path, width: int, height: int, *, dark: bool = False, whole: bool = False
    ) -> None:
        """Write a picture of the page as it is seen in a window of some size."""
        media = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=media)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(b64decode(shot["data"]))

    def close(self) -> None:
        """Close the page."""
        self._pipe.call("Target.closeTarget", targetId=self._target)


@contextmanager
def chromium(*arguments: str) -> Iterator[Pipe]:
    """Run a browser with a profile of its own.

    Raises:
        RuntimeError: there is none.
    """
    found = program()
    if found is None:
        raise RuntimeError("Chromium isn't installed: apt-get install chromium")
    reads, to = os.pipe()
    back, writes = os.pipe()
    # Root can't use the browser's own sandbox.
    rooted = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        given = (*_QUIET, *rooted, f"--user-data-dir={profile}", *arguments)
        # It reads its orders from descriptor 3 and answers on 4.
        shell = f'exec "$@" 3<&{reads} 4>&{writes}'
        started = subprocess.Popen(
            ["bash", "-c", shell, "-", found, *given, "about:blank"],
            pass_fds=(reads, writes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reads)
        os.close(writes)
        try:
            yield Pipe(to, back)
        finally:
            os.close(to)
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            started.wait()
            os.close(back)
