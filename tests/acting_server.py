"""Acts like a model server for the tests of what keeps one alive; environment variables say how."""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHILD = """
import os, signal, sys, time
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "a").write(f"{os.getpid()}\\n")
while sys.argv[2] == "hopping":
    time.sleep(0.02)
    if os.fork():
        os._exit(0)
    open(sys.argv[1], "a").write(f"{os.getpid()}\\n")
time.sleep(600)
"""


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


class Handler(BaseHTTPRequestHandler):
    sick = False

    def do_GET(self) -> None:
        match self.path:
            case "/health":
                self.answer(503 if Handler.sick else 200, {})
            case "/sicken":
                Handler.sick = True
                self.answer(200, {})
            case "/crash":
                print("the engine core died", flush=True)
                os._exit(7)
            case "/v1/models":
                key = os.environ.get("VLLM_API_KEY")
                if key and self.headers.get("Authorization") != f"Bearer {key}":
                    self.answer(401, {"error": "Unauthorized"})
                    return
                row = {"id": os.environ.get("ACT_NAME", "acted"), "max_model_len": 4096}
                self.answer(200, {"data": [row]})
            case "/variables":
                self.answer(200, dict(os.environ))

    def answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def main() -> None:
    place = Path(os.environ["ACT_PLACE"])
    with (place / "servers").open("a") as file:
        file.write(f"{os.getpid()}\n")
    starts = len((place / "servers").read_text().split())
    print(os.environ.get("ACT_SAYS", "starting"), flush=True)
    if "ACT_CHATTERS" in os.environ:
        for number in range(int(os.environ["ACT_CHATTERS"])):
            print(f"{number:09d} {'x' * 1000}")
        sys.stdout.flush()
    if "ACT_IGNORES_TERM" in os.environ:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "ACT_ENGINE" in os.environ:
        # In a session of its own, so that no process group leads to it.
        engine = [sys.executable, "-c", CHILD, str(place / "engines"), os.environ["ACT_ENGINE"]]
        subprocess.Popen(engine, start_new_session=True)
    if starts >= int(os.environ.get("ACT_FAILS_FROM", "1000")):
        print("no such flag: --wrong", file=sys.stderr, flush=True)
        sys.exit(2)
    time.sleep(float(os.environ.get("ACT_AFTER", "0")))
    ThreadingHTTPServer((option("--host"), int(option("--port"))), Handler).serve_forever()


if __name__ == "__main__":
    main()
