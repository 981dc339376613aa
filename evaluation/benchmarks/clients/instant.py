"""A chat server that answers at once, alone in its process, so that what asks it is what is measured.

Prints its address and serves until its standard input ends. It reads of a request no more than its length,
its step's address and whether it wants a stream.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "turns"))

import texts

MODEL = "instant"
CONTEXT = 10**6
_END = b"\r\n\r\n"
_PIECE = 4
"""Characters of a streamed piece: about a token, as servers send them."""
_ROW = {"id": MODEL, "object": "model", "max_model_len": CONTEXT, "owned_by": "vllm"}
_LISTED = json.dumps({"object": "list", "data": [_ROW]}).encode()


def usage(sent: int, text: str) -> dict[str, object]:
    """Return what is counted of a request of so many bytes."""
    prompt, completion = sent // 4, len(text) // _PIECE
    cached = {"cached_tokens": prompt // 2}
    total = prompt + completion
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return {**counts, "prompt_tokens_details": cached}


def whole(text: str, sent: int) -> bytes:
    """Return the body of a reply."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    frame = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL}
    return json.dumps({**frame, "choices": [choice], "usage": usage(sent, text)}).encode()


def streamed(text: str, sent: int) -> bytes:
    """Return the body of a reply as a stream of events, a token each."""
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    before, after = json.dumps({**frame, "choices": ["|"]}).split('"|"')

    def event(delta: str, finish: str = "null") -> str:
        return f'data: {before}{{"index": 0, "delta": {delta}, "finish_reason": {finish}}}{after}\n\n'

    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    counted = json.dumps({**frame, "choices": [], "usage": usage(sent, text)})
    events = [
        event('{"role": "assistant", "content": ""}'),
        *(event(f'{{"content": {json.dumps(piece)}}}') for piece in pieces),
        event("{}", '"stop"'),
        f"data: {counted}\n\n",
        "data: [DONE]\n\n",
    ]
    return "".join(events).encode()


class Connection(asyncio.Protocol):
    """One client's connection, kept alive."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._got = bytearray()
        self._wanted = 0

    def data_received(self, data: bytes) -> None:
        self._got += data
        while len(self._got) >= self._wanted and (end := self._got.find(_END)) >= 0:
            head = bytes(self._got[:end])
            size = int(_header(head, b"content-length") or 0)
            self._wanted = end + len(_END) + size
            if len(self._got) < self._wanted:
                return
            body = bytes(self._got[end + len(_END) : self._wanted])
            del self._got[: self._wanted]
            self._wanted = 0
            self._transport.write(answer(head, body))


def answer(head: bytes, body: bytes) -> bytes:
    """Return the response to a request."""
    target = head.split(b" ", 2)[1]
    if target == b"/v1/chat/completions":
        step = (_header(head, b"x-request-id") or b"").decode().split("/")
        text = texts.reply("_".join(step[2::2]))
        if b'"stream":true' in body:
            return _response(streamed(text, len(body)), kind=b"text/event-stream")
        return _response(whole(text, len(body)))
    return _response(_LISTED) if target == b"/v1/models" else _response(b"{}", status=b"404 Not Found")


def _response(body: bytes, status: bytes = b"200 OK", kind: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d" % (status, kind, len(body))
    return head + _END + body


def _header(head: bytes, name: bytes) -> bytes | None:
    start = head.lower().find(b"\r\n" + name + b":")
    if start < 0:
        return None
    return head[start + len(name) + 3 :].split(b"\r\n", 1)[0].strip()


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


@contextmanager
def serving() -> Iterator[str]:
    """Yield the address of a server in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
