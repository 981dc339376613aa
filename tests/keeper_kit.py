"""A server that keeps values, run beside commands, and what asks it."""

import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swe_scale.config import Limits, SandboxConfig
from swe_scale.events import Events
from swe_scale.records import Environment, Execution, Service
from swe_scale.sandbox import Sandbox, Template, open_backend

LIMITS = Limits(seconds=60)
PORT = 7311 + 10 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Another for each worker: they have cache folders of their own, where local sandboxes agree on ports."""
KEEPER = """
import os, signal, socketserver, sys
FILE = os.path.expanduser("~/values")
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        word, _, rest = self.rfile.readline().decode().strip().partition(" ")
        if word == "SET":
            with open(FILE, "a") as file:
                file.write(rest + "\\n")
        elif word == "DIE":
            os._exit(1)
        self.wfile.write(open(FILE).read().encode() if os.path.exists(FILE) else b"nothing")
def ended(number, frame):
    open(os.path.expanduser("~/stopped"), "a").write("stopped\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, ended)
print("ready to keep", os.environ.get("KEEPER"), flush=True)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
ASK = (
    "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); "
    "s.sendall(sys.argv[2].encode() + b'\\n'); print(s.makefile().read().strip())"
)


def keeper(before: str = "", port: int = PORT, **fields: object) -> Service:
    """A server that keeps values in a file of the home."""
    line = f"{before}exec python -c {shlex.quote(KEEPER)} {port}"
    return Service.model_validate({"name": "keeper", "port": port, "command": line, **fields})


def ask(words: str, port: int = PORT) -> str:
    return f"python -c {shlex.quote(ASK)} {port} {shlex.quote(words)}"


async def sh(sandbox: Sandbox, line: str, limits: Limits = LIMITS, stdin: bytes = b"") -> Execution:
    return await sandbox.run(["sh", "-c", line], limits=limits, stdin=stdin)


@asynccontextmanager
async def opened(
    config: SandboxConfig, environment: Environment, *services: Service
) -> AsyncIterator[Template]:
    whole = environment.model_copy(update={"services": services})
    async with open_backend(config, "tests", Events()) as backend, backend.open(whole) as template:
        yield template
