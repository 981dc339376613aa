"""`swe-scale prepare --reader-model`: every file of code is read once, and issues that come later skim."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from main_job import assert_clean, complaint, git, replies
from reader_kit import ReadingDesk, entries, many, paths
from scripted_server import ScriptedServer
from summary_kit import Summariser, asked, command, configured, kept, prepare, slow

TEST = "import unittest\n\nclass Case(unittest.TestCase):\n    def test_one(self):\n        pass\n"


@pytest.fixture
def desk(tmp_path: Path) -> ReadingDesk:
    return ReadingDesk(tmp_path)


def test_all_code_but_tests_is_read_once(desk: ReadingDesk) -> None:
    desk.change({"tests/test_shop.py": TEST, "README.md": "# Shop\n", "shop/empty.py": ""})
    with ScriptedServer(Summariser(())) as server:
        first = prepare(desk, server)
        assert sorted(asked(server)) == sorted(many(30))
        assert (first["summaries"]["done"], first["summaries"]["kept"]) == (31, 0)
        assert first["symbols"]["done"] > 31 and not first["symbols"]["kept"]
        assert all(call.body["response_format"]["type"] == "json_schema" for call in server.calls)
        server.calls.clear()
        again = prepare(desk, server)
        assert not server.calls
        assert (again["summaries"]["done"], again["summaries"]["kept"]) == (0, 31)
        assert (again["symbols"]["done"], again["symbols"]["kept"]) == (0, first["symbols"]["done"])
        desk.change({"shop/mail_3.py": "def send(mail):\n    return mail\n"})
        assert prepare(desk, server)["summaries"]["done"] == 1
        assert asked(server) == ["shop/mail_3.py"]
        server.calls.clear()
        server.model = "another"
        assert prepare(desk, server)["summaries"]["done"] == 31
        assert len(asked(server)) == 31
    assert len(kept(desk)) == 31


def test_what_changed_lately_comes_first(desk: ReadingDesk) -> None:
    desk.change({"shop/user_14.py": "def user():\n    return 14\n"})
    desk.change({"shop/stock_22.py": "def stock():\n    return 22\n"})
    with ScriptedServer(Summariser(())) as server:
        prepare(desk, None, *configured(desk, slow(server)))
        assert asked(server)[:2] == ["shop/stock_22.py", "shop/user_14.py"]


def test_equal_files_are_read_once(desk: ReadingDesk) -> None:
    desk.change({f"shop/copy_{number}.py": "def copied():\n    return 1\n" for number in range(5)})
    with ScriptedServer(Summariser(())) as server:
        assert prepare(desk, server)["summaries"]["done"] == 32
        assert len(asked(server)) == 32


def tokens(found: Mapping[str, Any]) -> int:
    return int(found["usage"]["prompt_tokens"] + found["usage"]["completion_tokens"])


def test_the_first_issue_skims_and_costs_a_tenth(tmp_path: Path) -> None:
    cold, warm = (tmp_path / name for name in ("cold", "warm"))
    reader = Summariser(("shop/calendar.py", "shop/cache_17.py"))
    with ScriptedServer(reader) as server:
        for folder in (cold, warm):
            folder.mkdir()
        without = ReadingDesk(cold, files=many(300)).document(server)
        reader.read.clear()
        desk = ReadingDesk(warm, files=many(300))
        assert prepare(desk, server)["summaries"]["done"] == 301
        server.calls.clear()
        found = desk.document(server)
        skims = [call for call in server.calls if "/skim/" in call.step]
        about = {path: text for one in skims for path, text in entries(one.body).values()}
    assert tokens(found) <= tokens(without) / 10
    assert about["shop/order_0.py"] == "holds order_0"
    assert set(paths(found)[:2]) == set(reader.relevant)


def test_a_run_skims_what_was_prepared(tmp_path: Path) -> None:
    desk = ReadingDesk(tmp_path, files=many(120))
    with ScriptedServer(
        Summariser(("shop/calendar.py",), lambda *_: replies(())["selection/turn/01"])
    ) as server:
        prepare(desk, server)
        place = ("--repo", str(desk.other), "--sandbox", "local", "--samples", "1", "--turns", "1", "--json")
        ran = desk.run("run", str(desk.issue), *place, *desk.options(server))
        steps = [call.step for call in server.calls]
    assert ran.returncode in (0, 3), ran.stderr
    assert any("/skim/" in step for step in steps)
    assert sum("/reader/file/" in step for step in steps) < 12
    assert "files are read by scripted" in ran.stderr


def test_no_time_begins_nothing(desk: ReadingDesk) -> None:
    with ScriptedServer(Summariser(())) as server:
        steps = prepare(desk, server, "--minutes", "0")
        assert not server.calls
    assert "time was up" in steps["summaries"]["note"]


@pytest.mark.parametrize("budget", ["8000tokens", "0.03usd"])
def test_a_budget_is_never_exceeded(desk: ReadingDesk, budget: str) -> None:
    given = configured(desk, '[prices."scripted"]\nprompt = 1.0\ncompletion = 5.0\n')
    with ScriptedServer(Summariser(())) as server:
        said = prepare(desk, server, "--budget", budget, *given, code=1)["summaries"]
        made = len(server.calls)
        assert 0 < made < 31 and said["done"] == made
        assert f"{31 - made} files are left: the next call may" in said["failed"]
        assert prepare(desk, server, "--budget", budget, *given, code=1)["summaries"]["kept"] == made
        assert len(server.calls) == made
        assert prepare(desk, server)["summaries"]["done"] == 31 - made
        assert len(server.calls) == 31


def test_a_budget_in_money_needs_a_price(desk: ReadingDesk) -> None:
    with ScriptedServer(Summariser(())) as server:
        said = prepare(desk, server, "--budget", "1usd", code=2)["summaries"]
        assert "needs a price" in said["failed"] and not server.calls
        assert_clean(desk.context(server, "--budget", "1usd"), 2, "needs a price")


def test_no_reader_is_no_failure(desk: ReadingDesk) -> None:
    assert prepare(desk, None)["summaries"]["note"] == "no reader model is named"


def test_it_can_be_left_out(desk: ReadingDesk) -> None:
    with ScriptedServer(Summariser(())) as server:
        assert list(prepare(desk, server, "--skip", "summaries")) == ["symbols"]
        assert not server.calls


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--base-url", "http://127.0.0.1:9/v1"), "give --reader-model NAME, too"),
        (("--base-url", "127.0.0.1:9", "--reader-model", "m"), "must begin with http"),
        (("--reader-model", "m"), "served nowhere"),
    ],
)
def test_half_of_a_model_is_bad_usage(desk: ReadingDesk, arguments: tuple[str, ...], said: str) -> None:
    ran = desk.run(*command(desk, None, *arguments))
    assert_clean(ran, 2)
    failed = json.loads(ran.stdout)["steps"][-1]["failed"] if ran.stdout else "\n".join(complaint(ran))
    assert said in failed


def test_a_reader_of_the_configuration_needs_no_other_model(desk: ReadingDesk) -> None:
    with ScriptedServer(Summariser(())) as server:
        given = configured(desk, slow(server).partition("[stages]")[0])
        assert prepare(desk, None, "--reader-model", "slow", *given)["summaries"]["done"] == 31


def test_the_reader_repairs_nothing(desk: ReadingDesk) -> None:
    desk.change({"swe-scale.toml": '[environment]\nsetup = "exit 3"\ntest = "python3 -m unittest {tests}"\n'})
    with ScriptedServer(Summariser(())) as server:
        options = (
            "--reader-model",
            server.model,
            "--base-url",
            server.base_url,
            "--sandbox",
            "local",
            "--json",
        )
        ran = desk.run("prepare", str(desk.other), *options)
        assert {call.step.partition("/")[0] for call in server.calls} == {"prepare"}
    steps = {step["name"]: step for step in json.loads(ran.stdout)["steps"]}
    assert steps["environment"]["failed"] and not steps["summaries"]["failed"]


def test_a_repository_without_code_has_no_summaries(desk: ReadingDesk) -> None:
    git(desk.other, "rm", "-rq", ".")
    desk.other.mkdir(exist_ok=True)
    git(desk.other, "commit", "-qm", "nothing")
    with ScriptedServer(Summariser(())) as server:
        steps = prepare(desk, server)
        assert not server.calls
    assert steps["summaries"]["done"] == steps["symbols"]["done"] == 0
