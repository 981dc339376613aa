"""Prompts begin with what siblings share, to the byte, so that a server computes it once for all of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from calling_kit import answer_with, called
from chat_protocol import Fault
from scripted_server import ScriptedServer
from solving_kit import ISSUE, Desk, Spoken, again, bash, issue, open_desk

from swe_scale.config import OpenAIEndpoint
from swe_scale.models.openai import open_openai
from swe_scale.records import Candidate, File, Sampling
from swe_scale.selection import Comparison, settle
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.loop import run

pytestmark = pytest.mark.anyio
DRAWN = [
    Sampling(temperature=0.8, seed=1),
    Sampling(temperature=0.2, seed=977),
    Sampling(temperature=None, top_p=0.9),
    Sampling(temperature=1.3, seed=4, effort="high"),
]
STRATEGIES = ("revise", "agent")
PLAN = [
    Assignment(index, strategy, sampling, plan=f"plan {index}")
    for index, (strategy, sampling) in enumerate(
        [(strategy, sampling) for sampling in DRAWN for strategy in STRATEGIES], start=1
    )
]
Body = dict[str, Any]


@contextmanager
def serving(tools: bool) -> Iterator[ScriptedServer]:
    """Serve agents that look, by a call or a block, and others that write no tag."""
    look = bash("ls")
    looking = [f"{ISSUE}/trajectory/{one.index:02}/turn/01" for one in PLAN if one.strategy == "agent"]
    faults = {step: [answer_with(called("ls", step[-10:-8]))] for step in looking if tools}
    with ScriptedServer(lambda *_: look, faults=dict[str, list[Fault]](faults)) as server:
        yield server


async def finalists(desk: Desk) -> list[Candidate]:
    made = []
    for text in ("a", "b"):
        tree = await desk.trees.write(desk.trees.base, {"new.txt": File(mode="100644", data=text.encode())})
        made.append(Candidate(id=tree, patch=await desk.trees.patch(tree)))
    return made


class Sent:
    """What arrived at a server, by step without the issue, and the shared part that was meant."""

    def __init__(self, bodies: Mapping[str, Body], desk: Desk) -> None:
        system, user = desk.setting.opening("what differs")
        self.bodies = bodies
        self.shared = user.content[: user.shared]
        self.prefix = text_of(
            [{"role": "system", "content": system.content}, {"role": "user", "content": self.shared}]
        ).removesuffix('"}]')
        self.own = (desk.setting.issue.base_commit, desk.trees.base)

    def first(self, strategy: str | None = None) -> list[Body]:
        """Return the first requests of all trajectories, or of those of one strategy."""
        return [
            self.bodies[f"trajectory/{one.index:02}/turn/01"]
            for one in PLAN
            if strategy in (None, one.strategy)
        ]


def text_of(messages: Sequence[Mapping[str, object]]) -> str:
    return json.dumps(messages, ensure_ascii=False)


async def sent(folder: Path, tools: bool) -> Sent:
    with serving(tools) as server:
        config = OpenAIEndpoint(base_url=server.base_url, model="scripted", tools=tools)
        async with open_openai(config) as model, open_desk(folder, Spoken({}), turns=2) as desk:
            setting = again(desk, model=model).setting
            for assignment in PLAN:
                await run(setting, assignment)
            await settle(Comparison(setting, await finalists(desk), Sampling()), ())
            bodies = {call.step.removeprefix(f"{ISSUE}/"): call.body for call in server.calls}
            return Sent(bodies, desk)


@pytest.mark.parametrize("tools", [False, True], ids=["text", "tools"])
async def test_what_arrives_begins_alike(tmp_path: Path, tools: bool) -> None:
    arrived = await sent(tmp_path, tools)
    assert len(arrived.bodies) == 2 * len(PLAN) + 2
    texts = [text_of(body["messages"]) for body in arrived.first()]
    assert "def mean(values)" in arrived.shared and "It raises ZeroDivisionError." in arrived.shared
    assert all(text.startswith(arrived.prefix) for text in texts)
    # What comes next tells strategies apart, and nothing else does.
    assert len({text[: len(arrived.prefix) + 30] for text in texts}) == len(STRATEGIES)
    for strategy in STRATEGIES:
        same = {text_of(body["messages"]) for body in arrived.first(strategy)}
        assert len(same) == 1, f"siblings of {strategy} differ in their first prompt"
    selection = text_of(arrived.bodies["selection/turn/01"]["messages"])
    assert selection.startswith(arrived.prefix)


@pytest.mark.parametrize("tools", [False, True], ids=["text", "tools"])
async def test_tools_stand_before_the_messages_and_are_the_same_too(tmp_path: Path, tools: bool) -> None:
    arrived = await sent(tmp_path, tools)
    offered = {text_of(body["tools"]) for body in arrived.first("agent") if "tools" in body}
    assert len(offered) == tools
    assert not any("tools" in body for body in arrived.first("revise"))
    # Neither from one turn to the next, or their conversation would be computed anew.
    for step, body in arrived.bodies.items():
        later = arrived.bodies[step.removesuffix("01") + "02"] if step.endswith("01") else body
        assert later.get("tools") == body.get("tools")


@pytest.mark.parametrize("tools", [False, True], ids=["text", "tools"])
async def test_a_conversation_only_grows(tmp_path: Path, tools: bool) -> None:
    arrived = await sent(tmp_path, tools)
    steps = [step for step in arrived.bodies if step.endswith("/02")]
    assert len(steps) == len(PLAN) + 1
    for step in steps:
        before, after = (arrived.bodies[step[:-2] + turn]["messages"] for turn in ("01", "02"))
        assert text_of(after).startswith(text_of(before).removesuffix("]") + ", ")


async def test_the_shared_part_says_nothing_of_this_run(tmp_path: Path) -> None:
    arrived = await sent(tmp_path, True)
    places = (str(tmp_path), tmp_path.name, str(Path.home()), "/tmp")
    for own in (*arrived.own, *places, ISSUE, "plan 1", "977", "scripted"):
        assert own not in arrived.prefix, own


async def test_the_part_is_what_siblings_have_in_common(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken({})) as desk:
        system, user = desk.setting.opening("# One")
        other = desk.setting.opening("# Another")
        assert desk.setting.opening("# One") == (system, user)
    assert (system.role, user.role, system.shared) == ("system", "user", 0)
    assert other[0] == system and other[1].shared == user.shared
    assert other[1].content[: user.shared] == user.content[: user.shared]
    assert user.content[user.shared :] == "\n\n# One" and user.content[: user.shared].endswith("</issue>")


SCRIPT = """
import random, sys
from context_kit import find
from swe_scale.prompts import render
from swe_scale.records import Issue
from swe_scale.trajectory.shortened import fitted

issue = Issue.model_validate_json(sys.argv[1])
names = [f"part/m{number}.py" for number in range(30)] + ["README.md", "tests/test_m.py"]
random.Random(sys.argv[2]).shuffle(names)
text = "def mean_of(values):\\n    return mean({name!r})\\n" * 9
sources = {name: text.format(name=name).encode() for name in names}
context = find(issue, sources, 3000)
assert 3 < len(context.files) < len(names) == len(context.ranking)
print(context.ranking)
print(render("shared", files=context.files, others=context.ranking, issue=fitted(issue, 100)))
"""


def test_any_process_shows_the_same_files_in_the_same_order() -> None:
    long = issue().model_copy(update={"body": "mean() raises. " * 100, "comments": ("One. " * 50, "Two.")})
    shown = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, long.model_dump_json(), seed],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True, check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(shown) == 1 and b"left out" in shown.pop()
