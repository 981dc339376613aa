"""Images of an issue are looked at once, from where they may lie, and said in words to all models."""

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from solving_kit import Spoken, issue, open_desk

from swe_scale.config import Budget
from swe_scale.depicting import MOST_IMAGES, depicted
from swe_scale.depicting.fetching import LARGEST, Unfetched, fetched
from swe_scale.models.chat import body_of
from swe_scale.models.messages import Abilities
from swe_scale.models.messages import body_of as anthropic_body
from swe_scale.records import Issue, Message, Picture, Request, Sampling

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
SAID = "TypeError: nothing in mean.py\x1b[31m\nA red dialog."


@dataclass
class Host:
    """Serves images, or something else."""

    content: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def put(self, path: str, data: bytes = PNG, status: int = 200, **headers: str) -> str:
        self.content[path] = (status, headers, data)
        return f"{self.url}{path}"


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers.get("Authorization")))
            status, headers, data = made.content.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            try:
                self.wfile.write(data)
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def shown(host: Host, *addresses: str) -> Issue:
    return issue().model_copy(update={"repo": f"{host.url}/ada/stats.git", "images": addresses})


def looking(*texts: str) -> Spoken:
    return Spoken({f"images/{number:02}": text for number, text in enumerate(texts, start=1)})


@pytest.mark.anyio
async def test_what_an_image_shows_becomes_words(tmp_path: Path, host: Host) -> None:
    model, address = looking(SAID), host.put("/a.png")
    async with open_desk(tmp_path, model) as desk:
        one = shown(host, address)
        for _ in range(2):
            found = await depicted(one, model, Sampling(), desk.setting.ledger, desk.setting.events)
    [comment] = found.comments
    assert comment.startswith(f"[what the image {address} shows, in the words of a model]\nTypeError")
    assert "\x1b" not in comment and comment.endswith("A red dialog.")
    [request] = model.requests
    assert request.messages[0].pictures[0].data == base64.b64encode(PNG).decode()
    assert "mean() of nothing" in request.messages[0].content
    assert host.asked == [("/a.png", None)], "it is fetched and looked at once, without any token"


@pytest.mark.anyio
async def test_what_cannot_be_had_is_left_out_and_said(tmp_path: Path, host: Host) -> None:
    good = host.put("/good.png")
    bad = [
        "https://evil.example/x.png",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        host.put("/gone.png", status=404),
        host.put("/text.png", b"<svg onload=x>"),
    ]
    model = Spoken({"images/06": SAID})
    async with open_desk(tmp_path, model) as desk:
        one = shown(host, *bad, good, *[good] * 9)
        found = await depicted(one, model, Sampling(), desk.setting.ledger, desk.setting.events)
        notes = [text for text in desk.texts("note") if "left out" in text]
    assert len(found.comments) == 1 and len(notes) == len(bad) == MOST_IMAGES - 1
    assert [
        why for why in ("GitHub keeps images", "answers 404", "no PNG") if not any(why in n for n in notes)
    ] == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("budget", "texts", "told"),
    [(Budget(), (), "no reply is written"), (Budget(tokens=100), (SAID,), "the next call may need")],
)
async def test_a_model_that_fails_takes_nothing_along(
    tmp_path: Path, host: Host, budget: Budget, texts: tuple[str, ...], told: str
) -> None:
    model = looking(*texts)
    async with open_desk(tmp_path, model, budget=budget) as desk:
        one = shown(host, host.put("/a.png"))
        found = await depicted(one, model, Sampling(), desk.setting.ledger, desk.setting.events)
        [note] = [text for text in desk.texts("note") if "from here on" in text]
    assert found == one and told in note


@pytest.mark.anyio
async def test_where_images_may_lie(host: Host) -> None:
    home = f"{host.url}/ada/stats"
    host.put("/moved", status=302, location="/a.png")
    host.put("/out", status=302, location="http://localhost:1/a.png")
    host.put("/round", status=302, location="/round")
    host.put("/big.png", PNG + b"0" * LARGEST)
    host.put("/a.png")
    assert (await fetched(f"{host.url}/moved", home)).media_type == "image/png"
    for path, why in (("/out", "keeps images"), ("/round", "again and again"), ("/big.png", "larger than")):
        with pytest.raises(Unfetched, match=why):
            await fetched(f"{host.url}{path}", home)
    for address in (
        "http://github.com/a.png", "https://github.com.evil.example/a.png", "https://u:p@github.com/a.png",
        "https://github.com:8443/a.png", "https://evilgithubusercontent.com/a.png", "https://[::1]/a.png",
        "javascript:x", "", "https://", f"{host.url.replace('http', 'https')}/a.png",
    ):  # fmt: skip
        with pytest.raises(Unfetched, match=r"GitHub keeps images|can't be fetched"):
            await fetched(address, home)
    with pytest.raises(Unfetched, match="GitHub keeps images"):
        await fetched(f"{host.url}/a.png", "/home/somebody/stats")


def test_how_models_are_shown_it() -> None:
    picture = Picture(media_type="image/png", data="AAAA")
    request = Request(
        step="x/images/01",
        model="m",
        messages=(Message(role="user", content="What is it?", pictures=(picture,)),),
        sampling=Sampling(),
    )
    [message] = body_of(request)["messages"]
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "What is it?"},
    ]
    [turn] = anthropic_body(request, Abilities()).fields["messages"]
    image, text = turn["content"]
    assert image == {
        "type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    }  # fmt: skip
    assert text["text"] == "What is it?" and "AAAA" not in repr(picture)
