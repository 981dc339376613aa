"""Stands in for vLLM where a run starts its own server: answers from written replies."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

from scripted_server import ScriptedServer


def main() -> None:
    port = int(sys.argv[sys.argv.index("--port") + 1])
    name = sys.argv[sys.argv.index("--served-model-name") + 1]
    place = Path(os.environ["REPLYING_PLACE"])
    written = json.loads((place / "replies.json").read_text())
    crash = int(os.environ.get("REPLYING_CRASH", "0"))
    starts = place / "starts"
    with starts.open("a") as file:
        file.write(f"{os.getpid()}\n")
    first = len(starts.read_text().split()) == 1
    asked = 0

    def reply(step: str, body: object) -> str:
        nonlocal asked
        asked += 1
        if first and asked == crash:
            os._exit(1)
        return str(written[step.partition("/")[2]])

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    log = (place / "calls.jsonl").open("a", encoding="utf-8")
    key = os.environ.get("VLLM_API_KEY")
    with ScriptedServer(reply, model=name, port=port, log=log, pages={"/health": {}}, key=key):
        stop.wait()
    log.close()


if __name__ == "__main__":
    main()
