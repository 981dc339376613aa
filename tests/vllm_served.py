"""A running vLLM server as tests and benchmarks see it: its figures, its log, what it answers."""

import errno
import json
import re
import socket
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = Mapping[str, float]
"""Values by name as /metrics has them; those that differ in labels alone are summed."""

RUNNING = "vllm:num_requests_running"
WAITING = "vllm:num_requests_waiting"
PROMPT = "vllm:prompt_tokens_total"
CACHED = "vllm:prefix_cache_hits_total"
GENERATED = "vllm:generation_tokens_total"
PREEMPTED = "vllm:num_preemptions_total"
ENDED = "vllm:request_success_total"

_LINE = re.compile(r"^([a-z_:]+)(?:\{.*\})? ([^ ]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs."""

    base_url: str
    log: Path
    """All that it writes."""
    keeper: int
    """Id of the process whose end by SIGTERM is the server's, too."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.base_url.removesuffix("/v1").rpartition(":")[2])

    def ask(self, path: str, body: Any = None) -> bytes:
        """Return what the server answers at a path such as /health, to a POST where there is a body.

        Raises:
            OSError: it doesn't answer, or with an error.
        """
        data = None if body is None else json.dumps(body).encode()
        address = self.base_url.removesuffix("/v1") + path
        asked = urllib.request.Request(address, data, {"Content-Type": "application/json"})
        # No proxy of the environment's is asked for this machine itself.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(asked, timeout=60) as answer:
            return bytes(answer.read())

    def figures(self) -> Figures:
        """Return what /metrics says now."""
        found: defaultdict[str, float] = defaultdict(float)
        for name, value in _LINE.findall(self.ask("/metrics").decode()):
            found[name] += float(value)
        return found

    def wait_until(self, holds: Callable[[Figures], bool], seconds: float = 90.0) -> Figures:
        """Return the figures as soon as something holds of them.

        Raises:
            TimeoutError: it doesn't in time.
        """
        end = time.monotonic() + seconds
        while not holds(found := self.figures()):
            if time.monotonic() > end:
                said = {name: value for name, value in found.items() if name.startswith("vllm:num_")}
                raise TimeoutError(f"not within {seconds:g} s: {said}")
            time.sleep(0.02)
        return found

    def wait_until_idle(self) -> Figures:
        """Return the figures as soon as no request runs or waits."""
        return self.wait_until(lambda found: found[RUNNING] + found[WAITING] == 0)

    def wait_until_gone(self, seconds: float = 90.0) -> None:
        """Return as soon as nobody listens there any more.

        Raises:
            TimeoutError: somebody does for longer.
        """
        end = time.monotonic() + seconds
        while True:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == errno.ECONNREFUSED:
                    return
            if time.monotonic() > end:
                raise TimeoutError(f"still there after {seconds:g} s")
            time.sleep(0.02)

    def end_of_log(self, lines: int = 30) -> str:
        """Return the last lines that it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
