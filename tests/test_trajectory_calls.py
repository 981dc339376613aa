"""What a model calls is carried out as if it had written it, and every call gets its answer."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from calling_kit import CHANGE, SUBMIT, Calling, Reply, answer_with, call, called, calling
from scripted_server import ScriptedServer
from solving_kit import CHECK, DONE, RIGHT, Spoken, again, bash, edit, open_desk, spoken

from swe_scale.config import OpenAIEndpoint
from swe_scale.models.openai import open_openai
from swe_scale.records import Sampling, ToolCall, Trajectory, Turn
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.loop import run

pytestmark = pytest.mark.anyio
FIRST = Assignment(1, "agent", Sampling())


async def converse(folder: Path, model: Spoken) -> Trajectory:
    async with open_desk(folder, model) as desk:
        return await run(desk.setting, FIRST)


def told(turn: Turn) -> str:
    return turn.asked[0].content


async def test_calls_are_carried_out_and_answered_by_their_ids(tmp_path: Path) -> None:
    model = calling([called("ls", "one")], [called(CHANGE, "two")], [SUBMIT])
    made = await converse(tmp_path, model)
    assert (made.outcome, [turn.action for turn in made.turns]) == ("done", ["bash", "bash", "done"])
    assert f"+{RIGHT}\n" in made.patch
    assert [[tool.name for tool in request.tools] for request in model.requests] == [["bash", "submit"]] * 3
    last = model.requests[-1].messages
    assert [one.role for one in last] == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert [one.answers for one in last if one.role == "tool"] == ["one", "two"]
    assert [one.tool_calls[0].id for one in last if one.role == "assistant"] == ["one", "two"]
    assert "stats.py" in last[3].content and RIGHT in last[5].content and "6 replies left." in last[5].content
    assert made.turns[1].asked == (last[3],) and made.turns[0].completion.tool_calls[0].id == "one"


async def test_calls_and_blocks_come_to_the_same(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    commands = ["echo hi >new.txt; cat <<'E'\n```bash\n<submit/>\n```\nE", CHANGE]
    blocks = ["\n".join(["````bash", command, "````"]) for command in commands]
    written = await converse(tmp_path / "a", spoken([*blocks, "<submit/>"]))
    made = await converse(tmp_path / "b", calling(*[[called(one)] for one in commands], [SUBMIT]))
    assert made.patch == written.patch != ""
    assert [told(turn) for turn in made.turns[1:]] == [told(turn) for turn in written.turns[1:]]


async def test_the_text_form_is_understood_beside_tools(tmp_path: Path) -> None:
    made = await converse(tmp_path, calling(bash("ls"), [called(CHANGE)], "It is done.\n<submit/>"))
    assert (made.outcome, [turn.action for turn in made.turns]) == ("done", ["bash", "bash", "done"])
    assert [turn.asked[-1].role for turn in made.turns] == ["user", "user", "tool"]


async def test_only_the_first_of_several_calls_is_carried_out(tmp_path: Path) -> None:
    several = [called("echo 1 >>log.md", "a"), called("echo 2 >>log.md", "b"), call("submit", id="c")]
    model = calling(several, [called("cat log.md")], [SUBMIT])
    made = await converse(tmp_path, model)
    answers = made.turns[1].asked
    assert [(one.role, one.answers) for one in answers] == [("tool", "a"), ("tool", "b"), ("tool", "c")]
    assert [one.content for one in answers[1:]] == ["Not carried out: only the first call of a reply is."] * 2
    execution = made.turns[1].edited
    assert execution is not None and execution.output == "1\n" and made.outcome == "done"


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (call("python", '{"code": "1"}'), "there is no tool 'python'; there are: bash, submit"),
        (call("bash", "ls"), 'bash takes a JSON object {"command": "…"}: Invalid JSON: expected value'),
        (call("bash", '{"command": "ls'), "Invalid JSON: EOF while parsing a string"),
        (call("bash", '["ls"]'), "Input should be an object"),
        (call("bash", ""), "Invalid JSON"),
        (call("bash", "[" * 100_000), "recursion limit exceeded"),
        (call("bash", '{"commands": "ls"}'), "command: Field required"),
        (call("bash", '{"command": ["ls"]}'), "command: Input should be a valid string"),
        (call("bash", '{"command": " \\n"}'), "bash was called without a command"),
        (call("bash", '{"command": "ls", "seconds": 0}'), "seconds: Input should be greater than 0"),
        (call("bash", '{"command": "ls", "seconds": "long"}'), "seconds: Input should be a valid number"),
        (call("bash", '{"command": "a\\u0000"}'), "the command holds a NUL character"),
        (call("bash", '{"command": "\\ud800"}'), "Invalid JSON"),
        (call("bash", '{"command": "\ud800"}'), "unicode"),
    ],
    ids=lambda value: None if isinstance(value, str) else f"{value.name}-{value.arguments[:20]!a}",
)
async def test_a_malformed_call_is_answered_and_corrected(
    tmp_path: Path, wrong: ToolCall, fault: str
) -> None:
    model = calling([wrong], [called(CHANGE)], [SUBMIT])
    made = await converse(tmp_path, model)
    assert [turn.action for turn in made.turns] == ["malformed", "bash", "done"]
    answer = made.turns[1].asked[0]
    assert (answer.role, answer.answers) == ("tool", "c") and fault in answer.content
    assert "7 replies left." in answer.content and made.patch
    [back] = model.requests[1].messages[2].tool_calls
    assert isinstance(json.loads(back.arguments), dict)


async def test_a_reply_without_a_call_is_corrected(tmp_path: Path) -> None:
    made = await converse(tmp_path, calling("I would look.", [], [SUBMIT]))
    assert [turn.action for turn in made.turns] == ["malformed", "malformed", "done"]
    for turn in made.turns[1:]:
        assert turn.asked[0].role == "user"
        assert "it calls no tool (bash, submit), and as text: expected exactly one ```bash" in told(turn)


async def test_a_call_that_was_cut_off_is_told_so(tmp_path: Path) -> None:
    made = await converse(tmp_path, calling([call("bash", '{"command": "ec')], [SUBMIT], finish="length"))
    assert "(it was cut off at the longest reply allowed: be shorter)" in told(made.turns[1])


async def test_a_resumed_run_asks_nothing_again(tmp_path: Path) -> None:
    turns: list[Reply] = [
        [called("ls", "one"), called("pwd", "two")], [call("bash", "x")], "prose", [called(CHANGE)], [SUBMIT]
    ]  # fmt: skip
    first = await converse(tmp_path, calling(*turns))
    assert first.outcome == "done"
    model = Calling({})
    async with open_desk(tmp_path, model) as desk:
        assert await run(desk.setting, FIRST) == first
        assert desk.steps.made == 0 and model.requests == []


async def test_what_was_done_in_text_is_not_taken_for_what_is_done_by_tools(tmp_path: Path) -> None:
    async with open_desk(tmp_path, spoken([bash(CHANGE), "<submit/>"])) as desk:
        await desk.search("agent").run()
    model = calling([called(CHANGE)], [SUBMIT])
    async with open_desk(tmp_path, model) as desk:
        search = desk.search("agent")
        await search.run()
    assert len(model.requests) == 2 and search.trajectories[1].turns[1].asked[0].role == "tool"


async def test_a_strategy_without_tools_is_sent_none_and_heeds_none(tmp_path: Path) -> None:
    model = Calling(spoken([CHECK, edit(RIGHT), DONE]).replies)
    model.calls = {step: [called(CHANGE)] for step in model.replies}
    async with open_desk(tmp_path, model) as desk:
        made = await run(desk.setting, replace(FIRST, strategy="revise"))
    assert made.outcome == "done" and made.patch
    assert not any(request.tools for request in model.requests)
    assert not any(one.tool_calls or one.answers for one in model.requests[-1].messages)


async def test_over_http(tmp_path: Path) -> None:
    turns = [(called("ls", "one"), called("pwd", "two")), (call("bash", "broken", "three"),), (SUBMIT,)]
    faults = {f"pkg-1/trajectory/01/turn/{n:02}": [answer_with(*calls)] for n, calls in enumerate(turns, 1)}
    with ScriptedServer({}, faults=faults) as server:
        config = OpenAIEndpoint(base_url=server.base_url, model="scripted", tools=True)
        async with open_openai(config) as model, open_desk(tmp_path, Spoken({})) as desk:
            made = await run(again(desk, model=model).setting, FIRST)
        bodies = [one.body for one in server.calls]
    assert made.outcome == "done", made.error
    assert [tool["function"]["name"] for tool in bodies[0]["tools"]] == ["bash", "submit"]
    assert all(body["tools"] == bodies[0]["tools"] for body in bodies)
    sent = bodies[-1]["messages"]
    assert [one["role"] for one in sent] == [
        "system",
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "tool",
    ]
    asked = [one for message in sent for one in message.get("tool_calls", ())]
    answered = [one["tool_call_id"] for one in sent if one["role"] == "tool"]
    assert [one["id"] for one in asked] == answered == ["one", "two", "three"]
    assert all(isinstance(json.loads(one["function"]["arguments"]), dict) for one in asked)
