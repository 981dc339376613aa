"""Verifiers are real programs and real servers; whatever they answer, the run knows what to make of it."""

import json
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest
from solving_kit import candidate, issue

from swe_scale.config import ScoreCommand, ScoreConfig, ScoreEndpoint
from swe_scale.errors import ScoreError, UsageError
from swe_scale.records import Scores
from swe_scale.retry import without_waiting
from swe_scale.scoring import Question, check_scorer, find_scorer
from swe_scale.scoring.document import LARGEST_ANSWER, read_scores

pytestmark = pytest.mark.anyio
QUESTION = Question(issue(), (candidate("b" * 40, [7], "beta"), candidate("a" * 40, [3], "alpha")))
A, B = "a" * 40, "b" * 40
KEY = "sk-very-secret-key"


async def scores(config: ScoreConfig) -> Scores:
    return await find_scorer(config, anyio.CapacityLimiter(1)).score(QUESTION)


def program(folder: Path, body: str, **settings: Any) -> ScoreCommand:
    file = folder / "verifier.py"
    file.write_text(textwrap.dedent(body))
    return ScoreCommand(command=(sys.executable, "-I", str(file)), **settings)


async def test_a_program_is_asked_once_in_json_and_answers_in_json(tmp_path: Path) -> None:
    config = program(
        tmp_path,
        f"""
        import json, sys
        told = sys.stdin.read()
        open({str(tmp_path / "told")!r}, "w").write(told)
        print("loading …", file=sys.stderr)
        several = json.loads(told)["candidates"]
        print(json.dumps({{"scores": {{one["id"]: len(one["patch"]) for one in several}}}}))
        """,
    )
    found = await scores(config)
    assert found == Scores(
        by=f"command {sys.executable}", values={one.id: len(one.patch) for one in QUESTION.candidates}
    )
    told = json.loads((tmp_path / "told").read_text())
    assert [one["id"] for one in told["candidates"]] == [A, B], "in the order of their hashes"
    assert set(told) == {"issue", "candidates"} and set(told["candidates"][0]) == {"id", "patch"}
    assert told["issue"]["title"] == "mean() of nothing" and "authors" not in json.dumps(told)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("import sys; print('no model', file=sys.stderr); sys.exit(3)", "ended with status 3: no model"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9, without a word"),
        ("pass", "is not JSON of the form.*: nothing"),
        ("print('scores: 1')", "is not JSON of the form.*: scores: 1"),
        ("print('\\x1b[31m' + 'x' * 5000)", "is not JSON.*: .\\[31mx{100}"),
        ("print('[1, 2]')", "is not of the form"),
        ("print('{\"scores\": [1]}')", "is not of the form"),
        ("print('{\"scores\": {}}')", "no usable score for 2 of 2 candidates"),
        ("print('[' * 100000)", "is not JSON"),
        ("print('{\"scores\": {\"a\": ' + '9' * 10000 + '}}')", "is not JSON"),
        (f"print('x' * {LARGEST_ANSWER + 10})", "larger than 4 MiB"),
    ],
)
async def test_what_goes_wrong_with_a_program_is_said(tmp_path: Path, body: str, fault: str) -> None:
    with pytest.raises(ScoreError, match=fault) as caught:
        await scores(program(tmp_path, body))
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value) and len(str(caught.value)) < 400


async def test_a_program_that_takes_too_long_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    config = program(
        tmp_path,
        f"""
        import os, subprocess, sys, time
        child = subprocess.Popen(["sleep", "1000"])
        open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
        time.sleep(1000)
        """,
        seconds=3.0,
    )
    with pytest.raises(ScoreError, match="no answer within 3 s and was stopped"):
        await scores(config)
    child = Path("/proc") / (tmp_path / "child").read_text() / "stat"
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


async def test_a_program_need_not_read_and_may_leave_something_running(tmp_path: Path) -> None:
    answer = json.dumps({"scores": {A: 1, B: 0}})
    config = program(tmp_path, f"import subprocess; subprocess.Popen(['sleep', '99']); print({answer!r})")
    assert (await scores(config)).values == {A: 1.0, B: 0.0}


async def test_there_may_be_no_such_program() -> None:
    with pytest.raises(ScoreError, match="/no/such can't be started: No such file"):
        await scores(ScoreCommand(command=("/no/such",)))


async def test_secrets_stay_here_unless_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("VERIFIER_TOKEN", KEY)
    monkeypatch.setenv("VERIFIER_DEVICE", "cpu")
    body = "import os, sys; print(sorted(os.environ.items()), file=sys.stderr); sys.exit(1)"
    names = (
        "import os, sys; print(*(x for x in os.environ if x[:3] in 'OPEVER'), file=sys.stderr); sys.exit(1)"
    )
    with pytest.raises(ScoreError) as caught:
        await scores(program(tmp_path, body, variables=("VERIFIER_TOKEN",)))
    assert KEY not in str(caught.value)
    with pytest.raises(ScoreError) as caught:
        await scores(program(tmp_path, names, variables=("VERIFIER_TOKEN",)))
    said = str(caught.value)
    assert "VERIFIER_TOKEN" in said and "VERIFIER_DEVICE" in said and "OPENAI" not in said


@pytest.mark.parametrize(
    ("answer", "values", "fault"),
    [
        ({A: 1, B: 0.5}, {A: 1.0, B: 0.5}, ""),
        ({A: 1}, {A: 1.0}, "no usable score for 1 of 2 candidates (bbbbbbbbbbbb)"),
        ({A: 1, B: float("nan")}, {A: 1.0}, "no usable score for 1 of 2"),
        ({A: 1, B: float("-inf")}, {A: 1.0}, "no usable score for 1 of 2"),
        ({A: 1, B: "0.5"}, {A: 1.0}, "no usable score for 1 of 2"),
        ({A: 1, B: True}, {A: 1.0}, "no usable score for 1 of 2"),
        ({A: 1, B: None}, {A: 1.0}, "no usable score for 1 of 2"),
        ({A: 1, B: 10**400}, {A: 1.0}, "no usable score for 1 of 2"),
        ({A: -1e308, B: 0, "c\x1b\ud800": 2}, {A: -1e308, B: 0.0}, "1 scores of what is no candidate (c"),
    ],
)
def test_what_is_no_score_is_no_score(
    answer: Mapping[str, Any], values: Mapping[str, float], fault: str
) -> None:
    found = read_scores(json.dumps({"scores": answer}).encode(), QUESTION, "x")
    assert found.values == values and found.fault.startswith(fault) and bool(found.fault) == bool(fault)
    assert found.fault.isprintable()
    assert Scores.model_validate_json(found.model_dump_json()) == found


def test_a_question_has_no_half_characters_and_an_end() -> None:
    told = Question(issue(), [candidate("a", [1], "\udcff")]).written()
    assert "udcff" not in told.decode("ascii") and json.loads(told)["candidates"][0]["patch"].endswith("?\n")
    large = candidate("a", [1]).model_copy(update={"patch": "x" * (65 << 20)})
    with pytest.raises(ScoreError, match="the candidates are 65 MiB; up to 64 are scored"):
        Question(issue(), [large]).written()


@dataclass
class Served:
    """What a verifier's server is to answer, and what it was asked."""

    replies: list[tuple[int, Mapping[str, str], bytes]]
    asked: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(*replies: tuple[int, Mapping[str, str], bytes]) -> Iterator[Served]:
    """Serve the replies, the last one again and again."""
    served = Served(list(replies))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            served.asked.append((dict(self.headers), body))
            status, headers, said = served.replies.pop(0) if len(served.replies) > 1 else served.replies[0]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}/score"
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


GOOD = json.dumps({"scores": {A: 0.25, B: 0.75}}).encode()


async def test_a_server_is_asked_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving((200, {}, GOOD)) as served:
        found = await scores(ScoreEndpoint(url=served.url, key_variable="MY_KEY"))
    [(headers, body)] = served.asked
    assert found.values == {A: 0.25, B: 0.75} and found.by == f"endpoint {served.url}"
    assert headers["Authorization"] == f"Bearer {KEY}" and headers["Content-Type"] == "application/json"
    assert body == QUESTION.written()


async def test_without_a_key_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWE_SCALE_SCORE_KEY", raising=False)
    with serving((200, {}, GOOD)) as served:
        await scores(ScoreEndpoint(url=served.url))
    assert "Authorization" not in served.asked[0][0]


async def test_a_busy_server_is_asked_again() -> None:
    with serving((503, {}, b"busy"), (200, {}, GOOD)) as served, without_waiting():
        assert (await scores(ScoreEndpoint(url=served.url))).values == {A: 0.25, B: 0.75}
    assert len(served.asked) == 2


@pytest.mark.parametrize(
    ("reply", "times", "fault"),
    [
        ((401, {}, f"bad key {KEY}".encode()), 1, r"answered 401: bad key \[key\]"),
        ((503, {}, b""), 3, "answered 503: no words"),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), 1, "answered 302"),
        ((200, {}, f"{KEY}".encode()), 1, r"is not JSON.*\[key\]"),
        ((200, {}, b" " * (LARGEST_ANSWER + 1)), 1, "larger than 4 MiB"),
        ((200, {"Content-Encoding": "gzip"}, b"no gzip"), 3, "can't be reached"),
    ],
)
async def test_what_goes_wrong_with_a_server_is_said_without_the_key(
    monkeypatch: pytest.MonkeyPatch, reply: tuple[int, Mapping[str, str], bytes], times: int, fault: str
) -> None:
    monkeypatch.setenv("SWE_SCALE_SCORE_KEY", KEY)
    with serving(reply) as served, without_waiting(), pytest.raises(ScoreError, match=fault) as caught:
        await scores(ScoreEndpoint(url=served.url))
    assert len(served.asked) == times and KEY not in str(caught.value)


async def test_nobody_may_be_there() -> None:
    with serving((200, {}, GOOD)) as served:
        url = served.url
    with without_waiting(), pytest.raises(ScoreError, match="it can't be reached"):
        await scores(ScoreEndpoint(url=url))


@pytest.mark.parametrize("url", ["no address", "ftp://x/", "http://", "file:///etc/passwd"])
def test_what_is_no_address_is_said_at_once(url: str) -> None:
    with pytest.raises(UsageError, match=r"the verifier can't be asked: .* is no web address"):
        check_scorer(ScoreEndpoint(url=url))


def test_an_address_holds_no_password() -> None:
    with pytest.raises(ValueError, match="no user name or password"):
        ScoreEndpoint(url="http://me:secret@host/")
