"""A real HTTP server that counts tokens as vLLM does, or llama.cpp, or wrongly."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from chat_protocol import Fault, error, tokens
from scripted_server import Handler, ScriptedServer

Answer = Callable[[dict[str, Any]], object]
"""What is said to a request's body: a fault, or what becomes JSON."""


def like_vllm(body: dict[str, Any]) -> object:
    """Answer as vLLM, which knows `prompt` alone."""
    if "prompt" not in body:
        return error(400, "prompt: Field required")
    size = tokens(body["prompt"])
    return {"count": size, "max_model_len": 4096, "tokens": [151_000] * size, "token_strs": None}


def like_llama(body: dict[str, Any]) -> object:
    """Answer as llama.cpp, which has no tokens for a text that it doesn't find."""
    return {"tokens": [7] * tokens(body.get("content", ""))}


def nothing(body: dict[str, Any]) -> object:
    """Answer as a server without the route."""
    return error(404, "Not Found")


class _Handler(Handler):
    def do_POST(self) -> None:  # noqa: N802 - as http.server calls it
        script = self.server.script
        assert isinstance(script, CountingServer)
        if self.path != "/tokenize":
            super().do_POST()
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with script.changed:
            script.counted.append((body, self.headers.get("Authorization", "")))
            script.at_once += 1
            script.most_at_once = max(script.most_at_once, script.at_once)
        answer = script.answer(body)
        with script.changed:
            script.at_once -= 1
        self._answer(
            answer if isinstance(answer, Fault) else Fault(), json.dumps(answer, default=str).encode()
        )


@dataclass
class CountingServer(ScriptedServer):
    """Serves a script, and `/tokenize` beside it."""

    handler: ClassVar[type[Handler]] = _Handler
    answer: Answer = like_vllm

    def __post_init__(self) -> None:
        super().__post_init__()
        self.counted: list[tuple[dict[str, Any], str]] = []
        """Bodies, and what stood for a key."""
        self.at_once = 0
        self.most_at_once = 0
