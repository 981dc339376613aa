"""The whole command with agents that aren't ours."""

import json
import re
import signal
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from chat_protocol import error
from chat_script import ANY
from external_kit import ASKING, RIGHT, answering
from gateway_kit import Page, paged
from main_job import Desk, assert_clean, endpoint, script
from sandbox_kit import configured

from swe_scale.config import UserConfig, dump_toml

KEY = "sk-canary-of-an-agent-2"
DOCUMENTED = Path(__file__).parents[2] / "docs" / "exec.md"
LEAVE_CHECK = (
    "import os; os.makedirs('.swe-scale', exist_ok=True); open('.swe-scale/check.py', 'w').write({!r})"
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.environment["OPENAI_API_KEY"] = KEY
    return desk


def asking(*lines: str, **fields: object) -> dict[str, Any]:
    """Return a strategy whose agent asks its model, and runs these lines."""
    code = "\n".join((ASKING, LEAVE_CHECK.format(script()), *lines))
    return {"kind": "exec", "command": ["python3", "-c", code], **fields}


def configure(desk: Desk, **strategies: dict[str, Any]) -> tuple[str, ...]:
    file = desk.folder / "config.toml"
    file.write_text(dump_toml(UserConfig.model_validate({"strategies": strategies})), encoding="utf-8")
    return ("--config", str(file), "--json")


def test_agents_that_agree_have_their_patch_proposed(desk: Desk) -> None:
    lines = ("print(ask())", RIGHT.replace("max(len(values), 1)", "(len(values) or 1)"))
    with answering(key=KEY) as server:
        options = configure(desk, mine=asking(*lines), other=asking(*lines, "print('I differ')"))
        ran = desk.solve(
            *options, *endpoint(server.base_url), "--strategy", "mine=1", "--strategy", "other=1"
        )
        assert len(server.calls) == 2
    assert_clean(ran, 0)
    said = json.loads(ran.stdout)
    assert said["outcome"] == "proposed" and "(len(values) or 1)" in said["patch"]
    assert [(one["strategy"], one["turns"]) for one in said["trajectories"]] == [("mine", 1), ("other", 1)]
    assert said["stages"]["trajectory"]["calls"] == 2
    for path in desk.folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_a_killed_agent_starts_afresh_and_what_it_spent_stays_booked(desk: Desk) -> None:
    gate = desk.folder / "gate"
    lines = ("ask()", f"import time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)", RIGHT)
    with answering(key=KEY) as server:
        options = configure(desk, mine=asking(*lines, seconds=100.0))
        whole = (*options, *endpoint(server.base_url), "--strategy", "mine=1", "--name", "one")
        command = desk.command(
            "run", str(desk.issue), "--repo", str(desk.repository), "--sandbox", "local", *whole
        )
        first = subprocess.Popen(
            command, cwd=desk.folder, env=desk.variables(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            server.wait_until(lambda: len(server.calls) == 1, 60)
        finally:
            first.send_signal(signal.SIGKILL)
            first.communicate()
        gate.touch()
        ran = desk.solve(*whole)
        assert len(server.calls) == 2
    said = json.loads(ran.stdout)
    assert said["usage"]["calls"] == 2 and said["trajectories"][0]["usage"]["calls"] == 1


@pytest.mark.parametrize(
    ("strategy", "texts"),
    [
        ({"kind": "exec"}, ("strategies.mine.exec.command",)),
        ({"kind": "exec", "command": []}, ("strategies.mine.exec.command",)),
        ({"kind": "exec", "command": ["x"], "key": "y"}, ("there is no such field",)),
        ({"kind": "exec", "command": ["x"], "seconds": 0}, ("strategies.mine.exec.seconds",)),
    ],
)
def test_a_strategy_that_cannot_be_is_said(
    desk: Desk, strategy: dict[str, Any], texts: tuple[str, ...]
) -> None:
    file = desk.folder / "config.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in strategy.items()]
    file.write_text("\n".join(("[strategies.mine]", *lines)))
    ran = desk.solve("--config", str(file), *endpoint("http://127.0.0.1:9/v1"), "--strategy", "mine=1")
    assert_clean(ran, 2, *texts)


def test_an_agent_s_set_up_that_fails_is_said(desk: Desk) -> None:
    with answering(key=KEY) as server:
        options = configure(desk, mine=asking(setup=["echo no such agent; exit 3"]))
        ran = desk.solve(*options, *endpoint(server.base_url), "--strategy", "mine=1")
    assert_clean(ran, 1, "no such agent")


def test_an_agent_whose_command_is_not_there_fails_the_run(desk: Desk) -> None:
    with answering(key=KEY) as server:
        options = configure(desk, mine={"kind": "exec", "command": ["no-such-agent"]})
        ran = desk.solve(*options, *endpoint(server.base_url), "--strategy", "mine=1")
    assert_clean(ran, 1, "its command can't be run", "no-such-agent")


def test_a_refused_key_stops_the_run(desk: Desk) -> None:
    with answering(key=KEY, faults={ANY: [error(401, f"no {KEY}", code="invalid_api_key")]}) as server:
        options = configure(desk, mine=asking("ask()"))
        ran = desk.solve(*options, *endpoint(server.base_url), "--strategy", "mine=1")
    assert_clean(ran, 1, "refuses the key in OPENAI_API_KEY")
    assert KEY not in ran.stderr


def documented(name: str) -> dict[str, Any]:
    """Return a strategy as the documentation has it."""
    for block in re.findall(r"```toml\n(.*?)```", DOCUMENTED.read_text(encoding="utf-8"), re.DOTALL):
        found: dict[str, Any] = tomllib.loads(block)["strategies"]
        if name in found:
            return dict(found[name])
    raise LookupError(name)


def test_what_is_documented_can_be_configured(desk: Desk) -> None:
    for name in ("mini", "aider"):
        assert (
            UserConfig.model_validate({"strategies": {name: documented(name)}}).strategies[name].kind
            == "exec"
        )


def calling(command: str) -> Page:
    """Return a reply that calls bash."""
    function = {"name": "bash", "arguments": json.dumps({"command": command})}
    call = {"id": "call_1", "type": "function", "function": function}
    message = {"role": "assistant", "content": "I do this.", "tool_calls": [call]}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return Page.of(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": choices,
            "usage": usage,
        }
    )


@pytest.mark.bubblewrap
@pytest.mark.timeout(900)
def test_mini_swe_agent_from_the_package_index(desk: Desk) -> None:
    """As documented: installed in the sandbox, with tool calls, its network the gateway alone."""
    configured("bubblewrap")
    replies = [
        calling("mkdir -p .swe-scale && cat >.swe-scale/check.py <<'END'\n" + script() + "END"),
        calling("sed -i 's/len(values)$/(len(values) or 1)/' stats.py; git commit -qam mine"),
        calling("PYTHONPATH=. python3 .swe-scale/check.py"),
        calling("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"),
    ]
    with paged(chat_completions=replies) as server:
        options = (*configure(desk, mini=documented("mini")), "--base-url", server.base_url, "--model", "m")
        place = ("--repo", str(desk.repository), "--sandbox", "bubblewrap", "--allow-unbounded")
        command = desk.command("run", str(desk.issue), *place, *options, "--strategy", "mini=1")
        # Some eighty packages are installed.
        ran = subprocess.run(
            command, cwd=desk.folder, env=desk.variables(), capture_output=True, text=True, timeout=840
        )
        asked = [body for body in server.bodies() if "messages" in body]
    assert_clean(ran, 3, "search")
    said = json.loads(ran.stdout)
    (made,) = said["trajectories"]
    assert (made["outcome"], made["error"], made["turns"]) == ("done", "", 4)
    assert "(len(values) or 1)" in said["candidates"][0]["patch"]
    assert [(one["kind"], one["author"]) for one in said["checks"]][:1] == [("reproduction", 1)]
    assert made["usage"]["prompt_tokens"] == 400
    assert [body["tools"][0]["function"]["name"] for body in asked] == ["bash"] * 4
    assert "resolved" in asked[-1]["messages"][-1]["content"]
    for path in desk.folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
