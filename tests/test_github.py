"""The door to GitHub, against a real HTTP server."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from swe_scale import github
from swe_scale.config import GitHubConfig
from swe_scale.errors import GitHubError, UsageError
from swe_scale.github import IssueAddress, door, fetch_issue, parse_issue_url
from swe_scale.github.address import api_of
from swe_scale.github.credentials import token_for

pytestmark = pytest.mark.anyio

ISSUE = "/repos/ada/engine/issues/7"
ADDRESS = IssueAddress(scheme="https", host="github.com", owner="ada", repo="engine", number=7)
JSON = {"Content-Type": "application/json"}


@dataclass
class Service:
    """Answers by path, and remembers what was asked and with which credentials."""

    url: str
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def config(self) -> GitHubConfig:
        return GitHubConfig(api=self.url, patience=0)

    def answer(self, path: str, value: Any, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.answers[path] = (status, JSON | named, json.dumps(value).encode())


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append((self.path, self.headers.get("Authorization")))
            status, headers, body = found.answers.get(self.path, (404, JSON, b"{}"))
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Service(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)


def issue(**changes: Any) -> dict[str, Any]:
    plain = {"title": "It breaks", "body": "Badly.", "state": "open", "comments": 0, "labels": []}
    return plain | changes


def comments_path(number: int = 7) -> str:
    return f"/repos/ada/engine/issues/{number}/comments?per_page=100"


@pytest.mark.parametrize(
    ("url", "host", "number"),
    [
        ("https://github.com/ada/engine/issues/7", "github.com", 7),
        ("https://github.com/ada/engine/issues/7/?q=1#issuecomment-5", "github.com", 7),
        ("https://git.example.org:8443/ada/engine/issues/12", "git.example.org:8443", 12),
        ("https://user:secret@github.com/ada/engine/issues/7", "github.com", 7),
        ("https://[::1]:3000/ada/engine/issues/7", "[::1]:3000", 7),
    ],
)
def test_addresses(url: str, host: str, number: int) -> None:
    address = parse_issue_url(url)
    assert address is not None
    assert (address.host, address.owner, address.repo, address.number) == (host, "ada", "engine", number)
    assert address.clone_url == f"https://{host}/ada/engine.git"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/ada/engine/pull/7",
        "https://github.com/ada/engine/issues",
        "https://github.com/ada/engine/issues/seven",
        "https://github.com/ada/../issues/7",
        "https://github.com/-ada/engine/issues/7",
        "https://[broken/ada/engine/issues/7",
        "https://github.com:port/ada/engine/issues/7",
        "ftp://github.com/ada/engine/issues/7",
        "https:///ada/engine/issues/7",
        "https://a b/ada/engine/issues/7",
        "https://-x/ada/engine/issues/7",
        "ada/engine#7",
        "",
    ],
)
def test_what_is_no_address(url: str) -> None:
    assert parse_issue_url(url) is None


async def test_an_issue_with_comments_and_labels(service: Service) -> None:
    service.answer(ISSUE, issue(comments=2, labels=[{"name": "bug"}, "old"]))
    said = [
        {"body": "Me too.", "author_association": "NONE"},
        {"body": "Fixed by `x`.", "author_association": "OWNER"},
        {"body": None},
    ]
    service.answer(comments_path(), said)
    fetched = await fetch_issue(ADDRESS, service.config)
    assert (fetched.title, fetched.body, fetched.state) == ("It breaks", "Badly.", "open")
    assert fetched.comments == ("[NONE]\nMe too.", "[OWNER]\nFixed by `x`.")
    assert fetched.labels == ("bug", "old")
    assert fetched.comments_left_out == 0
    assert service.asked == [(ISSUE, None), (comments_path(), None)]


async def test_an_issue_without_a_body(service: Service) -> None:
    service.answer(ISSUE, issue(body=None))
    service.answer(comments_path(), [])
    assert (await fetch_issue(ADDRESS, service.config)).body == ""


async def test_comments_are_read_page_by_page_up_to_the_bound(service: Service) -> None:
    service.answer(ISSUE, issue(comments=250))
    page = [{"body": "again"}] * 40
    service.answer(comments_path(), page, Link=f'<{service.url}/more?page=2>; rel="next"')
    service.answer("/more?page=2", page, Link=f'<{service.url}/more?page=3>; rel="next"')
    service.answer("/more?page=3", page, Link=f'<{service.url}/more?page=4>; rel="next"')
    fetched = await fetch_issue(ADDRESS, service.config)
    assert len(fetched.comments) == github.MOST_COMMENTS
    assert fetched.comments_left_out == 150
    assert service.asked[-1][0] == "/more?page=3"


@pytest.mark.parametrize("page", ["http://localhost:9/x", "http://[", "/relative"])
async def test_a_next_page_on_another_host_is_not_read(service: Service, page: str) -> None:
    service.answer(ISSUE, issue())
    service.answer(comments_path(), [{"body": "x"}], Link=f'<{page}>; rel="next"')
    with pytest.raises(GitHubError, match="another host"):
        await fetch_issue(ADDRESS, service.config)


async def test_a_moved_repository_is_followed(service: Service) -> None:
    service.answer(ISSUE, {}, 301, Location=f"{service.url}/repositories/1/issues/7")
    service.answer(
        "/repositories/1/issues/7", issue(html_url="https://github.com/ada/analytical-engine/issues/7")
    )
    service.answer(comments_path(), {}, 301, Location="/repositories/1/issues/7/comments")
    service.answer("/repositories/1/issues/7/comments", [{"body": "moved"}])
    fetched = await fetch_issue(ADDRESS, service.config)
    assert fetched.address.clone_url == "https://github.com/ada/analytical-engine.git"
    assert fetched.comments == ("[NONE]\nmoved",)


@pytest.mark.parametrize(
    "page",
    [
        "https://elsewhere.example/ada/engine/issues/7",
        "http://elsewhere.example/b/c/issues/7",
        "javascript:alert(1)",
        "",
    ],
)
async def test_a_reply_can_not_name_another_host(service: Service, page: str) -> None:
    service.answer(ISSUE, issue(html_url=page))
    service.answer(comments_path(), [])
    assert (await fetch_issue(ADDRESS, service.config)).address == ADDRESS


@pytest.mark.parametrize("start", ["http://github.com", "http://www.github.com", "https://www.GitHub.com"])
async def test_the_public_service_is_reached_safely_however_it_is_named(start: str) -> None:
    assert parse_issue_url(f"{start}/ada/engine/issues/7") == ADDRESS


@pytest.mark.parametrize("repo", [".", "..", ".git", "..git", "...git"])
async def test_names_that_no_repository_has(repo: str) -> None:
    assert parse_issue_url(f"https://github.com/ada/{repo}/issues/7") is None


async def test_the_token_never_goes_over_the_wire_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
    assert token_for("https://github.com/ada/engine", GitHubConfig()) == "s3cret"
    assert token_for("http://github.com/ada/engine", GitHubConfig()) == ""


async def test_redirects_to_other_hosts_and_in_circles_end(service: Service) -> None:
    service.answer(ISSUE, {}, 302, Location="http://localhost:9/inner")
    with pytest.raises(GitHubError, match="another host"):
        await fetch_issue(ADDRESS, service.config)
    service.answer(ISSUE, {}, 302, Location=ISSUE)
    with pytest.raises(GitHubError, match="more than 5 times"):
        await fetch_issue(ADDRESS, service.config)


async def test_the_token_goes_to_the_configured_host_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", " s3cret\n")
    service.answer(ISSUE, issue())
    service.answer(comments_path(), [])
    await fetch_issue(ADDRESS, service.config)
    assert service.asked == [(ISSUE, "Bearer s3cret"), (comments_path(), "Bearer s3cret")]

    service.asked.clear()
    service.answer(f"/api/v3{ISSUE}", issue())
    service.answer(f"/api/v3{comments_path()}", [])
    enterprise = parse_issue_url(f"{service.url}/ada/engine/issues/7")
    assert enterprise is not None
    await fetch_issue(enterprise, GitHubConfig())
    assert service.asked == [(f"/api/v3{ISSUE}", None), (f"/api/v3{comments_path()}", None)]

    service.asked.clear()
    await fetch_issue(enterprise, GitHubConfig(api=f"{service.url}/api/v3"))
    assert service.asked[0] == (f"/api/v3{ISSUE}", "Bearer s3cret")


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/ada/engine/issues/7", "https://api.github.com"),
        ("https://octo.ghe.com/ada/engine/issues/7", "https://api.octo.ghe.com"),
        ("https://ghe.com.evil.example/ada/engine/issues/7", "https://ghe.com.evil.example/api/v3"),
        ("http://git.example:8080/ada/engine/issues/7", "http://git.example:8080/api/v3"),
    ],
)
def test_where_a_host_is_asked(url: str, api: str) -> None:
    address = parse_issue_url(url)
    assert address is not None and api_of(address, GitHubConfig()) == api


async def test_a_token_that_is_none_is_not_shown(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "s3c\nret")
    with pytest.raises(UsageError, match="GITHUB_TOKEN holds characters") as caught:
        await fetch_issue(ADDRESS, service.config)
    assert "s3c" not in str(caught.value)
    assert not service.asked


async def test_a_pull_request_is_refused(service: Service) -> None:
    service.answer(ISSUE, issue(pull_request={"url": "x"}))
    with pytest.raises(UsageError, match=r"ada/engine#7 on github\.com is a pull request"):
        await fetch_issue(ADDRESS, service.config)


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (401, {}, "refuses the token in GITHUB_TOKEN"),
        (403, {}, "may lack the right"),
        (
            403,
            {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1700000000"},
            "until 2023-11-14 22:13 UTC",
        ),
        (403, {"retry_after": "60"}, "used up for 60 s"),
        (429, {}, "rate limit is used up; wait, or set GITHUB_TOKEN"),
        (429, {"x_ratelimit_reset": "9" * 40}, "rate limit is used up; wait"),
        (404, {}, "or it is private; check the address, or set GITHUB_TOKEN"),
        (410, {}, "was deleted"),
        (502, {}, "answered 502"),
    ],
)
async def test_refusals(
    service: Service, monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], says: str
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
    service.answer(ISSUE, {"message": "no"}, status, **headers)
    with pytest.raises(GitHubError, match=says) as caught:
        await fetch_issue(ADDRESS, service.config)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Sign in</html>",
        b"",
        b"[]",
        b'{"title": 3}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"title": "\\ud800", "state": "open"}',
    ],
)
async def test_an_answer_of_another_kind(service: Service, body: bytes) -> None:
    service.answers[ISSUE] = (200, {"Content-Type": "text/html"}, body)
    with pytest.raises(GitHubError, match=r"doesn't answer as GitHub does \(text/html\)"):
        await fetch_issue(ADDRESS, service.config)


async def test_an_answer_without_end_is_cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_LARGEST_REPLY", 1 << 20)
    service.answer(ISSUE, issue(body="x" * (2 << 20)))
    with pytest.raises(GitHubError, match="larger than 1 MiB"):
        await fetch_issue(ADDRESS, service.config)


async def test_a_host_that_can_not_be_reached() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = GitHubConfig(api=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(GitHubError, match="can't be reached"):
            await fetch_issue(ADDRESS, config)


async def test_a_host_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = GitHubConfig(api=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(GitHubError, match="did not answer within"):
            await fetch_issue(ADDRESS, config)


@pytest.mark.parametrize("api", ["nonsense", "http://", "ftp://127.0.0.1/", "http://x:port", "http://[::1"])
async def test_a_wrong_address_of_the_service(api: str) -> None:
    with pytest.raises(UsageError, match="which is no web address"):
        await fetch_issue(ADDRESS, GitHubConfig(api=api))
