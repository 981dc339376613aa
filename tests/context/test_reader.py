"""A reader model reads what may matter; what it says, and what a model orders, comes first."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chat_protocol import Fault, error
from main_job import git
from reader_kit import ISSUE, ReadingDesk, ScriptedReader, entries, many, path_of, paths, question
from scripted_server import ScriptedServer

RELEVANT = ("shop/mail_3.py", "shop/calendar.py", "shop/user_14.py")


@pytest.fixture
def desk(tmp_path: Path) -> ReadingDesk:
    return ReadingDesk(tmp_path)


def stages(server: ScriptedServer) -> Counter[str]:
    return Counter(call.step.split("/")[2] for call in server.calls if "/reader/" in call.step)


def tokens(found: dict[str, Any]) -> int:
    usage = found["usage"]
    return int(usage["prompt_tokens"] + usage["completion_tokens"])


def everything(desk: ReadingDesk) -> tuple[str, ...]:
    """Return the option with which all code is read."""
    config = desk.folder / "everything.toml"
    config.write_text("[context]\nreading = 1.0\n")
    return ("--config", str(config))


def test_what_is_relevant_comes_first_in_the_merged_order(desk: ReadingDesk) -> None:
    with ScriptedServer(ScriptedReader(RELEVANT)) as server:
        found = desk.document(server)
        assert tuple(paths(found)[:3]) == RELEVANT
        assert [one["relevant"] for one in found["ranking"][:4]] == [True, True, True, False]
        assert found["ranking"][0]["note"] == "shop/mail_3.py decides"
        assert stages(server)["order"] == 3
        assert found["usage"]["calls"] == len(server.calls)
        rounds = [call for call in server.calls if "/order/" in call.step]
        lists = {tuple(path for path, _ in entries(call.body).values()) for call in rounds}
        assert len(lists) > 1 and {frozenset(one) for one in lists} == {frozenset(RELEVANT)}
        for call in server.calls:
            assert call.body["response_format"]["type"] == "json_schema"
            assert "Parsing of dates fails" in question(call.body)
        assert "shop/calendar.py" in {path_of(one.body) for one in server.calls if "/file/" in one.step}
        made = len(server.calls)
        again = desk.document(server)
        assert len(server.calls) == made, "the same command pays nothing again"
    assert paths(again) == paths(found) and again["usage"] == found["usage"]


def test_orders_are_merged_by_reciprocal_rank(desk: ReadingDesk) -> None:
    wanted = {"1": RELEVANT, "2": RELEVANT, "3": RELEVANT[::-1]}
    reader = ScriptedReader(RELEVANT)

    def reply(step: str, body: dict[str, Any]) -> str:
        if "/order/" not in step:
            return reader(step, body)
        listed = {path: number for number, (path, _) in entries(body).items()}
        return json.dumps({"order": [listed[path] for path in wanted[step.split("/")[3]]]})

    with ScriptedServer(reply) as server:
        assert tuple(paths(desk.document(server))[:3]) == RELEVANT


def test_a_server_that_takes_no_schema_is_asked_without(desk: ReadingDesk) -> None:
    def refuses(body: dict[str, Any], prompt: int) -> Fault | None:
        return error(400, "response_format is not supported") if "response_format" in body else None

    with ScriptedServer(ScriptedReader(RELEVANT), check=refuses) as server:
        assert tuple(paths(desk.document(server))[:3]) == RELEVANT


def test_steps_can_be_left_out(desk: ReadingDesk) -> None:
    with ScriptedServer(ScriptedReader(RELEVANT)) as server:
        found = desk.document(server, "--without", "reader")
        assert not server.calls and found["usage"]["calls"] == 0
        found = desk.document(server, "--without", "order")
        assert not stages(server)["order"] and set(paths(found)[:3]) == set(RELEVANT)


def test_a_later_issue_costs_a_tenth_and_reads_what_matters(tmp_path: Path) -> None:
    desk = ReadingDesk(tmp_path, files=many(300))
    reader = ScriptedReader(("shop/calendar.py", "shop/order_250.py", "shop/cache_17.py"))
    with ScriptedServer(reader) as server:
        first = desk.document(server)
        cold = len(reader.read)
        assert cold > 100
        reader.read.clear()
        reader.relevant = ("shop/cache_17.py", "shop/mail_33.py")
        second = desk.document(
            server, issue="The cache forgets values\n\nA cache that is full forgets the mail."
        )
    assert tokens(second) <= tokens(first) / 10
    assert tuple(paths(second)[:2]) == reader.relevant
    assert len(reader.read) < cold / 5
    assert stages(server)["skim"]


def test_what_changed_is_read_anew(tmp_path: Path) -> None:
    desk = ReadingDesk(tmp_path, files=many(120))
    reader = ScriptedReader(("shop/calendar.py",))
    with ScriptedServer(reader) as server:
        desk.document(server)
        assert "shop/mail_3.py" in reader.read
        changed = many(120)["shop/mail_3.py"].replace("value", "worth")
        desk.change({"shop/mail_3.py": changed})
        reader.read.clear()
        desk.document(server, issue="Dates of the calendar are parsed too late")
        lists = [call for call in server.calls if "/skim/" in call.step]
        about = {path: text for one in lists for path, text in entries(one.body).values()}
    assert "shop/mail_3.py" in reader.read, "it changed"
    assert about["shop/mail_3.py"].startswith("holds "), "until it is read, what it was is told"
    assert about["shop/order_0.py"] == "holds order_0"
    assert set(reader.read) - {"shop/mail_3.py"} < set(many(120)) and len(reader.read) < 12


@pytest.mark.parametrize("context", [2048, 4096])
def test_a_small_context_is_never_exceeded(desk: ReadingDesk, context: int) -> None:
    long = "\n".join(f"    value = {number} * value  # {'x' * (number % 60)}" for number in range(400))
    desk.change({"shop/calendar.py": f"def parse_date(value):\n{long}\n    return value  # leap years\n"})
    desk.issue.write_text(ISSUE + "A line of a log that was pasted here.\n" * 3000)
    with ScriptedServer(ScriptedReader(RELEVANT), max_model_len=context) as server:
        found = desk.document(server, "--tokens", "1000", *everything(desk))
        assert not [call for call in server.calls if call.status != 200]
        windows = [one for one in server.calls if "/file/" in one.step and path_of(one.body) == RELEVANT[1]]
        asked = [question(one.body) for one in windows]
    assert len(asked) > 2 and all("characters left out" in one for one in asked)
    assert all(any(f"Part {number} of {len(asked)}" in one for one in asked) for number in (1, len(asked)))
    assert tuple(paths(found)[:3]) == RELEVANT


def test_windows_of_a_file_are_merged(desk: ReadingDesk) -> None:
    desk.change({"shop/calendar.py": many(1)["shop/calendar.py"] * 60})

    def reply(step: str, body: dict[str, Any]) -> str:
        if "/file/" not in step or path_of(body) != "shop/calendar.py":
            return '{"relevant": false, "note": "", "summary": ""}'
        part = step.rpartition("/")[2]
        return json.dumps({"relevant": part != "1", "note": f"part {part}", "summary": f"summary {part}"})

    with ScriptedServer(reply, max_model_len=4096) as server:
        first = desk.document(server, *everything(desk))["ranking"][0]
    assert first["path"] == "shop/calendar.py" and first["relevant"]
    assert first["note"].startswith("part 2 / part 3")


def test_a_reader_that_cannot_take_anything_finds_nothing(desk: ReadingDesk) -> None:
    with ScriptedServer(ScriptedReader(RELEVANT), max_model_len=512) as server:
        found = desk.document(server, "--tokens", "100")
    assert found["considered"] == 31


def test_a_repository_without_files_to_show_has_none(desk: ReadingDesk) -> None:
    for file in desk.other.rglob("*.py"):
        file.unlink()
    (desk.other / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    git(desk.other, "add", "-A")
    git(desk.other, "commit", "-qm", "picture")
    with ScriptedServer(ScriptedReader(())) as server:
        found = desk.document(server)
        assert not server.calls
    assert found["files"] == [] and found["considered"] == 0
