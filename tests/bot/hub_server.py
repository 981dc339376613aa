"""A server that answers as GitHub does, held against GitHub's own description; git over HTTP included."""

import base64
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from bot.hub_routes import Reply, Request, diff, find, refused
from bot.hub_schema import description
from bot.hub_state import Hub, Repository

_API = "/api/v3"


@dataclass
class Fault:
    """Something that goes wrong with the next request that fits."""

    method: str
    path: str
    """A pattern that the whole path must fit."""
    status: int = 0
    """Answered in place of what was asked; 0: the request is carried out."""
    headers: dict[str, str] = field(default_factory=dict)
    message: str = ""
    seconds: float = 0.0
    """To wait first."""
    cut: bool = False
    """Whether the answer ends in its middle, after the request was carried out."""
    times: int = 1

    def fits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method == method and re.fullmatch(self.path, path) is not None


@dataclass
class Served:
    """A running service."""

    hub: Hub
    url: str = ""
    folder: Path = Path()
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path, and who asked."""
    wrong: list[str] = field(default_factory=list)
    """What was not as GitHub describes it."""
    watch: Callable[[str, str, bool], None] = lambda method, path, done: None
    """Is told of each request before and after it is carried out."""
    images: dict[str, bytes] = field(default_factory=dict)
    """By path, what was put into issues."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def api(self) -> str:
        return f"{self.url}{_API}"

    def writes(self) -> list[tuple[str, str]]:
        """Return the requests that change something."""
        return [(method, path) for method, path, _ in self.asked if method not in ("GET", "GIT")]

    def answer(self, method: str, target: str, login: str | None, body: Any) -> Reply:
        """Carry out a request to the programming interface."""
        parts = urlsplit(target)
        found = find(method, parts.path)
        described = description()
        if found is None:
            return refused(404, "Not Found")
        if described is not None:
            faults = described.faults_of_request(method, target, body)
            self.wrong += [f"{method} {target}: {fault}" for fault in faults]
        request = Request(self.hub, self.url, login, found[0], dict(parse_qsl(parts.query)), body)
        status, shown = found[1](request)
        if described is not None and status in (200, 201, 202):
            shown = described.complete(method, target, status, shown)
            faults = described.faults_of_reply(method, target, status, shown)
            self.wrong += [f"answer to {method} {target}: {fault}" for fault in faults]
        return status, shown

    def diff(self, target: str, login: str | None) -> str:
        """Return a pull request as a diff."""
        found = find("GET", target)
        assert found is not None
        return diff(Request(self.hub, self.url, login, found[0], {}, None))

    def add(self, full_name: str, **more: Any) -> Repository:
        """Return a new repository without commits."""
        git = self.folder / f"{full_name.replace('/', '-')}.git"
        command = ["git", "init", "-q", "--bare", "-b", more.get("default_branch", "main"), str(git)]
        subprocess.run(command, check=True)
        found = Repository(full_name, git, **more)
        self.hub.repositories[full_name.lower()] = found
        return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    served: Served

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        body = self._body()
        if body is None:
            # Whoever asked is gone: nothing is carried out of what came only in part.
            self.close_connection = True
            return
        path = urlsplit(self.path).path
        if (image := self.served.images.get(path)) is not None:
            self._plain(200, {"Content-Type": "image/png"}, image)
            return
        login, known = self._login()
        git = re.fullmatch(r"/([^/]+/[^/]+?)\.git/(.+)", path)
        if self._moved(path):
            return
        method, place = (self.command, path.removeprefix(_API)) if git is None else ("GIT", path)
        self.served.asked.append((method, place, login or ""))
        self.served.watch(method, place, False)
        fault = next((one for one in self.served.faults if one.fits(method, place)), None)
        if fault is not None:
            fault.times -= 1
            time.sleep(fault.seconds)
            if fault.status:
                self._send(*_refusal(fault))
                return
        if not known:
            self._send(401, {"message": "Bad credentials"}, {})
            return
        if git is not None:
            self._git(git[1], git[2], login, body)
        else:
            self._interface(method, login, body, fault is not None and fault.cut)
        self.served.watch(method, place, True)

    def _moved(self, path: str) -> bool:
        """Lead a request for a repository to where it is by now; return whether there was such a need."""
        match = re.match(rf"(?:{_API}/repos)?/([^/]+/[^/.]+)", path)
        now = self.served.hub.renamed.get(match[1].lower()) if match else None
        if match is None or now is None:
            return False
        url = f"{self.served.url}{self.path.replace(match[1], now, 1)}"
        self._send(301 if self.command == "GET" else 307, {"message": "Moved"}, {"Location": url})
        return True

    def _interface(self, method: str, login: str | None, body: bytes, cut: bool) -> None:
        with self.served.lock:
            target = self.path.removeprefix(_API)
            if self.headers.get("Accept") == "application/vnd.github.diff":
                self._plain(200, {"Content-Type": "text/plain"}, self.served.diff(target, login).encode())
                return
            status, shown = self.served.answer(method, target, login, json.loads(body) if body else None)
        headers = self._links(target, shown) if isinstance(shown, list) else {}
        if status == 301:
            headers = {"Location": shown["url"]}
        self._send(status, shown, headers, cut)

    def _links(self, target: str, shown: list[Any]) -> dict[str, str]:
        query = dict(parse_qsl(urlsplit(target).query))
        if len(shown) < int(query.get("per_page", 30)):
            return {}
        query["page"] = str(int(query.get("page", 1)) + 1)
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return {"Link": f'<{self.served.api}{urlsplit(target).path}?{asked}>; rel="next"'}

    def _login(self) -> tuple[str | None, bool]:
        """Return who asks, and whether the token is one."""
        kind, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if not kind:
            return None, True
        if kind.lower() == "basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        return self.served.hub.tokens.get(value), value in self.served.hub.tokens

    def _body(self) -> bytes | None:
        """Return the body of a request; None where it doesn't come to its end."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = bytearray()
            while (line := self.rfile.readline()) and (size := int(line, 16)):
                parts += self.rfile.read(size)
                self.rfile.readline()
            return bytes(parts) if line and self.rfile.readline() else None
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        return body if len(body) == size else None

    def _send(self, status: int, shown: Any, headers: dict[str, str], cut: bool = False) -> None:
        data = b"" if shown is None else json.dumps(shown).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        if data:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data[: len(data) // 2] if cut else data)
        except ConnectionError:
            cut = True
        if cut:
            self.close_connection = True

    def _git(self, name: str, rest: str, login: str | None, body: bytes) -> None:
        """Serve a repository by git's own program."""
        found = self.served.hub.repositories.get(unquote(name).lower())
        writes = "receive-pack" in self.path
        hidden = found is None or (found.private and found.roles.get(login or "", "none") == "none")
        if (writes or hidden) and login is None:
            self._plain(401, {"WWW-Authenticate": 'Basic realm="GitHub"'})
            return
        if found is None or hidden or (writes and (found.archived or not found.may_write(login or ""))):
            self._plain(404 if found is None or hidden else 403, {})
            return
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(found.git),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{rest}",
            "REQUEST_METHOD": self.command,
            "QUERY_STRING": urlsplit(self.path).query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": login or "",
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        self._plain(status, headers, content)

    def _plain(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except ConnectionError:
            self.close_connection = True


def _refusal(fault: Fault) -> tuple[int, Any, dict[str, str]]:
    return fault.status, {"message": fault.message or "Refused"}, fault.headers


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Yield a running service without anything in it; its repositories lie in `folder`."""
    served = Served(Hub(), folder=folder)
    handler = type("Handler", (_Handler,), {"served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
