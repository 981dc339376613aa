"""A real HTTP server that speaks the OpenAI chat protocol from written replies, with faults on demand.

In a test: `with ScriptedServer({"pkg-12/trajectory/00/turn/00": "text"}) as server: … server.base_url …`.
On its own: `python tests/scripted_server.py --replies FOLDER --port N --log FILE`.
"""

import argparse
import json
import selectors
import signal
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, Self
from urllib.parse import unquote

from chat_protocol import Fault, error, streamed, tokens, whole
from chat_script import LISTING, Call, Script


class Http(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 512
    script: Script

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.open: set[socket.socket] = set()
        self.lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.lock:
            self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Let every handler find its client gone."""
        with self.lock:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Http

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        script = self.server.script
        if self.path in script.pages:
            self._answer(Fault(), json.dumps(script.pages[self.path]).encode())
            return
        fault = script.fault(LISTING)
        missing, listed = self._listed()
        self._answer(self._refused() or missing or fault, listed)

    def _listed(self) -> tuple[Fault | None, bytes]:
        """Return the list of models, or that there is nothing at this address."""
        script = self.server.script
        if self.path != f"{script.path}/models":
            return error(404, "Not Found"), b""
        row = {"id": script.model, "object": "model", "max_model_len": script.max_model_len, **script.row}
        return None, json.dumps({"object": "list", "data": [row]}).encode()

    def do_POST(self) -> None:
        script = self.server.script
        length = int(self.headers.get("Content-Length", 0))
        try:
            body = json.loads(self.rfile.read(length))
            asked = "".join(str(message["content"]) for message in body["messages"])
        except (ValueError, TypeError, LookupError):
            self._answer(error(400, "the body is no JSON object with messages"), b"")
            return
        step = unquote(self.headers.get("X-Request-Id", ""))
        began = time.time()
        script.began()
        outcome: Literal["finished", "fault", "dropped"] = "dropped"
        status = 0
        try:
            fault, reply = self._decide(step, body, tokens(asked))
            if not self._left_within(None if fault.hang else fault.delay):
                status, outcome = fault.status, "finished" if reply else "fault"
        finally:
            # Before the answer is written, so that a client that has it finds it counted.
            names = {name.lower(): value for name, value in self.headers.items()}
            script.ended(Call(step, outcome, status, began, time.time(), body, names))
        if outcome == "dropped":
            self.close_connection = True
        else:
            self._write(fault, reply, events=bool(body.get("stream")))

    def _decide(self, step: str, body: dict[str, Any], prompt: int) -> tuple[Fault, bytes]:
        fault = self._refused() or self.server.script.fault(step)
        if fault.body is not None or fault.hang or fault.close:
            return fault, b""
        reply = self._reply(step, body, prompt)
        return (reply, b"") if isinstance(reply, Fault) else (fault, reply)

    def _refused(self) -> Fault | None:
        script = self.server.script
        given = self.headers.get("Authorization", "")
        if script.key is not None and given != f"Bearer {script.key}":
            # As careless as a server can be: it repeats what it was given.
            return error(401, f"Incorrect API key provided: {given}", code="invalid_api_key")
        return None

    def _reply(self, step: str, body: dict[str, Any], prompt: int) -> bytes | Fault:
        script = self.server.script
        if body.get("model") != script.model:
            return error(404, f"The model `{body.get('model')}` does not exist.", param="model", code=404)
        wanted = int(body.get("max_tokens") or body.get("max_completion_tokens") or 0)
        if script.max_model_len is not None and prompt + wanted > script.max_model_len:
            text = f"This model's maximum context length is {script.max_model_len} tokens."
            return error(400, f"{text} However, you requested {prompt + wanted}.", param="input_tokens")
        wrong = script.check(body, prompt)
        if wrong:
            return wrong
        try:
            text = script.reply(step, body)
        except LookupError as missing:
            return error(400, str(missing), code="no_reply")
        usage = script.usage(prompt, tokens(text)) if script.usage else None
        return (streamed if body.get("stream") else whole)(script.model, text, usage)

    def _answer(self, fault: Fault, reply: bytes) -> None:
        if self._left_within(None if fault.hang else fault.delay):
            self.close_connection = True
        else:
            self._write(fault, reply)

    def _write(self, fault: Fault, reply: bytes, events: bool = False) -> None:
        if fault.close:
            self.close_connection = True
            return
        content = reply if fault.body is None else fault.body
        kind = "text/event-stream" if events and fault.body is None else "application/json"
        try:
            self.send_response(fault.status)
            length = len(content) + fault.stall
            headers = {"Content-Type": kind, "Content-Length": str(length), **fault.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            if fault.stall:
                self._left_within(None)
                self.close_connection = True
        except ConnectionError:
            self.close_connection = True

    def _left_within(self, seconds: float | None) -> bool:
        """Wait, for ever if None; return True as soon as the client has hung up."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            if not selector.select(seconds):
                return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return True


@dataclass
class ScriptedServer(Script):
    """Serves a script while its context lasts."""

    handler: ClassVar[type[Handler]] = Handler

    def __post_init__(self) -> None:
        super().__post_init__()
        self._http = Http(("127.0.0.1", self.port), self.handler)
        self._http.script = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def base_url(self) -> str:
        """Where it listens, with the protocol's usual path."""
        return f"http://127.0.0.1:{self._http.server_port}{self.path}"

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS on connections that come from now on."""
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()


def main() -> None:
    """Serve until told to end; the first line of output is the address."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=Path, required=True, help="folder, or JSON Lines file")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="gets one JSON line per call, when it ends")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before every reply")
    parser.add_argument("--model", default="scripted")
    parser.add_argument("--max-model-len", type=int, default=131_072)
    chosen = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    log = chosen.log.open("a", encoding="utf-8") if chosen.log else None
    with ScriptedServer(
        chosen.replies,
        model=chosen.model,
        max_model_len=chosen.max_model_len,
        delay=chosen.delay,
        port=chosen.port,
        log=log,
    ) as server:
        print(server.base_url, flush=True)
        stop.wait()
    if log:
        log.close()


if __name__ == "__main__":
    main()
