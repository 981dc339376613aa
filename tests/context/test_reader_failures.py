"""A reader's replies, its endpoint or its budget fail: what was read is used, and no more is believed."""

import json
from pathlib import Path
from typing import Any

import pytest
from chat_protocol import Fault, error, plain
from main_job import assert_clean, complaint, git
from reader_kit import ReadingDesk, ScriptedReader, paths
from scripted_server import ScriptedServer

RELEVANT = ("shop/mail_3.py", "shop/calendar.py", "shop/user_14.py")


@pytest.fixture
def desk(tmp_path: Path) -> ReadingDesk:
    return ReadingDesk(tmp_path)


def tokens(found: dict[str, Any]) -> int:
    usage = found["usage"]
    return int(usage["prompt_tokens"] + usage["completion_tokens"])


REPLIES = {
    "empty": "",
    "no json": "I think that it is relevant.",
    "truncated": '{"relevant": true, "note": "becau',
    "nested": "[" * 50_000 + '{"relevant":' * 3000,
    "huge": '{"relevant": true, "note": "' + "x" * 300_000,
    "another type": '{"relevant": "perhaps"}',
    "a list": "[true]",
    "a number": "1" * 9000,
    "many braces": "{" * 200_000,
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_is_none_says_nothing(desk: ReadingDesk, name: str) -> None:
    reader = ScriptedReader(RELEVANT[:2], said={"shop/user_14.py": REPLIES[name]})
    with ScriptedServer(reader) as server:
        found = desk.document(server)
    assert tuple(paths(found)[:2]) == RELEVANT[:2]
    judged = {one["path"]: one["relevant"] for one in found["ranking"]}
    assert judged["shop/user_14.py"] is None and judged["shop/order_0.py"] is False


@pytest.mark.parametrize(
    "reply",
    [
        '<think>{"relevant": false} {</think>\n{"relevant": true, "note": "uses {x}", "summary": "s"}',
        '```json\n{"relevant": "True", "note": null, "summary": ["s"]}\n```',
        '[{"relevant": true}]',
    ],
)
def test_what_stands_around_a_reply_does_not_matter(desk: ReadingDesk, reply: str) -> None:
    with ScriptedServer(ScriptedReader((), said={"shop/user_14.py": reply})) as server:
        assert paths(desk.document(server))[0] == "shop/user_14.py"


@pytest.mark.parametrize("answer", ['{"order": [1e9, -1, true, "a", null, 99]}', "{}", "x", '{"order": 1}'])
def test_an_order_that_is_none_leaves_the_order(desk: ReadingDesk, answer: str) -> None:
    reader = ScriptedReader(RELEVANT)
    with ScriptedServer(lambda step, body: answer if "/order/" in step else reader(step, body)) as server:
        assert set(paths(desk.document(server))[:3]) == set(RELEVANT)


def test_an_endpoint_that_fails_half_way_leaves_what_was_read(desk: ReadingDesk) -> None:
    config = desk.folder / "config.toml"
    config.write_text(
        '[models.default]\nkind = "openai"\nbase_url = "{url}"\nmodel = "scripted"\nretries = 0\n'
        "max_in_flight = 1\n[stages]\nreader = 'default'\n"
    )
    reader = ScriptedReader(("shop/calendar.py",))
    with ScriptedServer(lambda step, body: reader(step, body)) as server:
        config.write_text(config.read_text().replace("{url}", server.base_url))
        count = 0

        def fails(body: dict[str, Any], prompt: int) -> Fault | None:
            nonlocal count
            count += 1
            return error(500, "out of memory") if count > 5 else None

        server.check = fails
        place = ("--repo", str(desk.other), "--json", "--config", str(config))
        ran = desk.run("context", str(desk.issue), *place)
    assert_clean(ran, 0, "reading ended early")
    found = json.loads(ran.stdout)
    assert paths(found)[0] == "shop/calendar.py"
    assert sum(one["relevant"] is not None for one in found["ranking"]) == 5


def test_a_key_that_is_refused_ends_it(desk: ReadingDesk) -> None:
    with ScriptedServer(ScriptedReader(RELEVANT)) as server:
        server.check = lambda body, prompt: error(401, "no", code="invalid_api_key")
        ran = desk.context(server)
        assert_clean(ran, 1)
        assert len(complaint(ran)) <= 2 and not ran.stdout


@pytest.mark.parametrize("budget", ["30000tokens", "0.05usd"])
def test_a_budget_that_ends_leaves_what_was_read(desk: ReadingDesk, budget: str) -> None:
    config = desk.folder / "config.toml"
    config.write_text('[prices."scripted"]\nprompt = 1.0\ncompletion = 5.0\n')
    with ScriptedServer(ScriptedReader(("shop/calendar.py",))) as server:
        found = desk.document(server, "--budget", budget, "--config", str(config))
        assert server.calls
    most = {"tokens": tokens(found), "usd": found["usage"]["usd"]}
    assert 0 < most["tokens"] <= 30_000 if "tokens" in budget else 0 < most["usd"] <= 0.05
    assert paths(found)[0] == "shop/calendar.py"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--repo", "nowhere"), 1, "nowhere"),
        (("--repo", "other", "--base", "nothing"), 1, "nothing"),
        (("--repo", "empty"), 1, ""),
        (("--repo", "other", "--without", "everything"), 2, "known are"),
        (("--repo", "other", "--base-url", "http://127.0.0.1:9/v1"), 2, "belong together"),
        (("--repo", "other", "--reader-model", "m"), 2, "no model is named"),
        (("--repo", "other", "--config", "unknown.toml"), 2, "stage 'reader' wants the model 'nobody'"),
        (("--repo", "other", "--config", "several.toml"), 2, "several models"),
        (("--repo", "other", "--config", "wrong.toml"), 2, "share"),
    ],
)
def test_bad_input_is_said_in_a_line_or_two(
    desk: ReadingDesk, arguments: tuple[str, ...], code: int, said: str
) -> None:
    (desk.folder / "empty").mkdir()
    git(desk.folder / "empty", "init", "-q", ".")
    default = '[models.default]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    (desk.folder / "unknown.toml").write_text(f'{default}[stages]\nreader = "nobody"\n')
    (desk.folder / "several.toml").write_text(f'{default}[stages]\nreader = ["default", "default"]\n')
    (desk.folder / "wrong.toml").write_text("[context]\nshare = 2\n")
    ran = desk.run("context", "Dates fail", *arguments)
    assert ran.returncode in (1, 2) and ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr and said in ran.stderr
    assert len(complaint(ran)) <= 3


def test_a_reply_that_is_no_reply_ends_reading(desk: ReadingDesk) -> None:
    with ScriptedServer(ScriptedReader(RELEVANT)) as server:
        server.faults["*"] = [plain("<html>", "text/html")] * 500
        ran = desk.context(server)
    assert ran.returncode in (0, 1) and "Traceback" not in ran.stderr
