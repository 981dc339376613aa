import json
from pathlib import Path

import pytest

from swe_scale.config import ScriptedReplies
from swe_scale.errors import ContextExceeded, ModelError
from swe_scale.models import open_model
from swe_scale.records import Message, Request, Sampling

pytestmark = pytest.mark.anyio


def ask(step: str, prompt: str = "12345") -> Request:
    return Request(
        step=step, model="scripted", messages=(Message(role="user", content=prompt),), sampling=Sampling()
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    turns = tmp_path / "replies" / "trajectory" / "03" / "turn"
    turns.mkdir(parents=True)
    (turns / "05.md").write_text("<think>hm</think>\nfünf", encoding="utf-8")
    (turns / "06.md").write_bytes(b"\xff")
    (turns / "07.md").mkdir()
    (tmp_path / "secret.md").write_text("outside")
    return tmp_path / "replies"


async def test_a_folder_answers_by_step_whatever_the_issue(folder: Path) -> None:
    async with open_model(ScriptedReplies(replies=folder, model="written")) as model:
        first = await model.complete(ask("pkg-12/trajectory/03/turn/05"))
        again = await model.complete(ask("other__pkg-7/trajectory/03/turn/05"))
    assert model.name == "written"
    assert (first.text, first.reasoning) == ("fünf", "hm")
    assert first == again
    assert (first.usage.prompt_tokens, first.usage.completion_tokens, first.usage.reasoning_tokens) == (
        2,
        3,
        1,
    )
    assert first.usage.seconds == 0


async def test_a_reply_is_read_once(folder: Path) -> None:
    async with open_model(ScriptedReplies(replies=folder)) as model:
        first = await model.complete(ask("pkg-12/trajectory/03/turn/05"))
        (folder / "trajectory/03/turn/05.md").unlink()
        assert await model.complete(ask("pkg-12/trajectory/03/turn/05")) == first


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("pkg-12/trajectory/03/turn/99", "no reply for step 'pkg-12/trajectory/03/turn/99'"),
        ("pkg-12/trajectory/03/turn/05/deeper", "no reply"),
        ("pkg-12/../secret", "no step"),
        ("pkg-12//etc/passwd", "no step"),
        ("pkg-12/./trajectory", "no step"),
        ("pkg-12/", "no step"),
        ("pkg-12", "no step"),
        ("", "no step"),
        ("pkg-12/a\0b", "no step"),
        ("pkg-12/trajectory/03/turn/06", "can't be read"),
        ("pkg-12/trajectory/03/turn/07", "can't be read"),
        ("pkg-12/" + "x" * 300, "can't be read"),
    ],
)
async def test_what_a_folder_cannot_answer(folder: Path, step: str, says: str) -> None:
    async with open_model(ScriptedReplies(replies=folder)) as model:
        with pytest.raises(ModelError, match=says):
            await model.complete(ask(step))


async def test_a_file_answers_with_the_issue_or_without(tmp_path: Path) -> None:
    source = tmp_path / "replies.jsonl"
    lines = [
        {"step": "pkg-12/turn/01", "text": "for this issue\u2028only", "extra": 1},
        {"step": "turn/01", "text": "for all others"},
    ]
    source.write_text("\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    async with open_model(ScriptedReplies(replies=source)) as model:
        assert (await model.complete(ask("pkg-12/turn/01"))).text == "for this issue\u2028only"
        assert (await model.complete(ask("pkg-13/turn/01"))).text == "for all others"
        with pytest.raises(ModelError, match="'pkg-13/turn/02'"):
            await model.complete(ask("pkg-13/turn/02"))


@pytest.mark.parametrize("line", ["{", "[]", '{"step": 1, "text": ""}', '{"step": "x"}', "[" * 100_000])
async def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    source = tmp_path / "replies.jsonl"
    source.write_text('{"step": "a", "text": "b"}\n' + line)
    with pytest.raises(ModelError, match=r"replies\.jsonl, line 2"):
        async with open_model(ScriptedReplies(replies=source)):
            pass


async def test_missing_replies_are_told_on_entry(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        async with open_model(ScriptedReplies(replies=tmp_path / "nowhere")):
            pass


async def test_the_context_has_an_end(folder: Path) -> None:
    async with open_model(ScriptedReplies(replies=folder, context_length=10)) as model:
        assert model.context_length == 10
        assert await model.complete(ask("pkg-12/trajectory/03/turn/05", "x" * 40))
        with pytest.raises(ContextExceeded, match="11 tokens"):
            await model.complete(ask("pkg-12/trajectory/03/turn/05", "x" * 41))
