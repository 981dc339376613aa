"""The plug-ins page: its strategy is found by entry point and used by a whole command."""

import json
import re
import sys
import tomllib
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import tomli_w
from main_job import ALSO_RIGHT, RIGHT, SOURCE, Desk, assert_clean, check, complaint, edit, endpoint, replies
from packages_kit import ROOT
from scripted_server import ScriptedServer

from swe_scale.extensions import GROUPS

TEXT = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
OLD = "    return sum(values) / len(values)"
WHOLE = f'<delete path="stats.py"/>\n<create path="stats.py">\n{SOURCE.replace(OLD, RIGHT)}</create>\n'
Answer = dict[str, Any]


def block(language: str, title: str = "strategy") -> str:
    section = TEXT.partition(f"## A {title} of your own\n")[2].partition("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(found[0])


def installed(folder: Path, group: str, name: str, source: str) -> None:
    """Install a package of one module that offers what has the same name in it, as pip would."""
    module = name.replace("-", "_")
    info = folder / f"{module}-0.1.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{module}\n")


def install(folder: Path, source: str = "") -> str:
    """Install the page's strategy, or one with another source; return the name it offers."""
    project = tomllib.loads(block("toml"))["project"]
    assert project["entry-points"]["swe_scale.strategies"] == {"one-shot": "one_shot:one_shot"}
    installed(folder, "swe_scale.strategies", "one-shot", source or block("python"))
    return str(project["name"])


def solve(desk: Desk, name: str, *first: str) -> CompletedProcess[str]:
    """Run it once, with these replies, beside two of `revise`."""
    desk.environment["PYTHONPATH"] = f"{desk.folder / 'site'}:{ROOT}"
    written = replies((RIGHT, ALSO_RIGHT, ALSO_RIGHT))
    written |= {f"trajectory/01/turn/{number:02}": text for number, text in enumerate(first, start=1)}
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        given = ("--strategy", f"{name}=1", "--strategy", "revise=2", "--json")
        return desk.solve(*given, *endpoint(server.base_url))


def only(ran: CompletedProcess[str], strategy: str) -> Answer:
    """Return the one trajectory of a strategy that a run made."""
    assert_clean(ran, 0)
    [found] = [one for one in json.loads(ran.stdout)["trajectories"] if one["strategy"] == strategy]
    return dict(found)


def test_its_strategy_is_used(tmp_path: Path) -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 20
    ran = solve(Desk(tmp_path), install(tmp_path / "site"), WHOLE)
    made = only(ran, "one-shot")
    assert (made["outcome"], made["turns"]) == ("done", 1), made
    assert json.loads(ran.stdout)["outcome"] == "proposed"


@pytest.mark.parametrize(
    "reply", ["<create>\nno path\n</create>\n", WHOLE.partition("\n")[2], WHOLE.replace("stats.py", "../x")]
)
def test_what_cannot_be_carried_out_is_told_to_the_model(reply: str, tmp_path: Path) -> None:
    made = only(solve(Desk(tmp_path), install(tmp_path / "site"), reply, WHOLE), "one-shot")
    assert (made["outcome"], made["turns"]) == ("done", 2)


BROKEN = {
    "can't be loaded: ModuleNotFoundError": "import nothing_like_it\n",
    "failed: TypeError": "def one_shot():\n    pass\n",
    "failed: KeyError: 'mine'": block("python").replace("edits = parse(reply)", "raise KeyError('mine')"),
    "has no tree: it is None": block("python").replace("assignment.tree or setting.trees.base", "None"),
    "has no check: it is 'x'": block("python").replace("check, tools = None", "check, tools = 'x'"),
    "hands back no Act: it is 42": block("python").replace('Act("done", done=True)', "42"),
    "gives no instructions: None": block("python").replace("return 'Reply", "'Reply"),
    "failed: AttributeError": "from contextlib import asynccontextmanager\n\n"
    "@asynccontextmanager\nasync def one_shot(setting, assignment):\n    yield None\n",
}


@pytest.mark.parametrize(
    ("said", "source"), BROKEN.items(), ids=[f"b{number}" for number in range(len(BROKEN))]
)
def test_one_that_fails_is_named_in_one_line(said: str, source: str, tmp_path: Path) -> None:
    ran = solve(Desk(tmp_path), install(tmp_path / "site", source), WHOLE)
    assert_clean(ran, 1, "the strategy 'one-shot'", said)
    assert len(complaint(ran)) == 1


def test_the_groups_that_it_names_are_those_that_there_are() -> None:
    assert set(re.findall(r"`(swe_scale\.\w+s)`", TEXT)) == set(GROUPS.values())


PROGRAM = """import sys
told = sys.stdin.read()
assert "user: " in told and "mean" in told
print(open(sys.argv[1]).read())
"""


def with_model(desk: Desk, source: str, *options: str, lines: str = "") -> CompletedProcess[str]:
    """Run with the page's model, or one with another source, and no other."""
    desk.environment["PYTHONPATH"] = f"{desk.folder / 'site'}:{ROOT}"
    installed(desk.folder / "site", "swe_scale.models", "program", source)
    (desk.folder / "said").write_text(check() + edit(RIGHT) + "<done/>\n")
    (desk.folder / "says.py").write_text(PROGRAM)
    command = [sys.executable, str(desk.folder / "says.py"), str(desk.folder / "said")]
    written = tomllib.loads(block("toml", "model"))["models"]["default"]
    written["options"]["command"] = command
    config = desk.folder / "config.toml"
    config.write_text(tomli_w.dumps({"models": {"default": written}}) + lines)
    given = ("--config", str(config), "--samples", "2", "--sandbox", "local", "--json", *options)
    return desk.run("run", str(desk.issue), "--repo", str(desk.repository), *given)


def test_its_model_is_asked(tmp_path: Path) -> None:
    price = "[prices.mine]\nprompt = 1.0\ncompletion = 2.0\n"
    ran = with_model(Desk(tmp_path), block("python", "model"), lines=price)
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    assert answer["outcome"] == "proposed" and RIGHT.strip() in answer["patch"]
    assert {one["model"] for one in answer["trajectories"]} == {"mine"}
    assert answer["usage"]["calls"] >= 2 and answer["usage"]["usd"] > 0


def test_a_run_with_it_is_resumed_and_estimated(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first = with_model(desk, block("python", "model"), "--name", "one")
    assert_clean(first, 0)
    again = desk.run("resume", "one", "--json")
    assert_clean(again, 0)
    assert json.loads(again.stdout)["patch"] == json.loads(first.stdout)["patch"]
    config = ("--config", str(desk.folder / "config.toml"), "--sandbox", "local")
    assert_clean(desk.run("estimate", str(desk.issue), "--repo", str(desk.repository), *config), 0)
    assert_clean(desk.run("doctor", *config[:2]), 0)


MODEL = block("python", "model")
BROKEN_MODELS = {
    "can't be loaded: ModuleNotFoundError": (1, "import nothing_like_it\n"),
    "can't be opened: KeyError: 'command'": (1, MODEL.replace('options["command"]', '{}["command"]')),
    "has a context of None tokens": (1, MODEL.replace("context_length, tools", "nothing, tools")),
    "failed: ZeroDivisionError": (1, MODEL.replace("spent = Usage(calls=1", "spent = Usage(calls=1 // 0")),
    "hands back no completion: 'x'": (1, MODEL.replace("return Completion(", "return 'x' or Completion(")),
}


@pytest.mark.parametrize(
    ("said", "broken"), BROKEN_MODELS.items(), ids=[f"m{number}" for number in range(len(BROKEN_MODELS))]
)
def test_a_model_that_fails_is_named(said: str, broken: tuple[int, str], tmp_path: Path) -> None:
    code, source = broken
    assert_clean(with_model(Desk(tmp_path), source), code, "the model 'program'", said)


def with_sandbox(desk: Desk, source: str, *given: str) -> CompletedProcess[str]:
    desk.environment["PYTHONPATH"] = f"{desk.folder / 'site'}:{ROOT}"
    installed(desk.folder / "site", "swe_scale.sandboxes", "nice", source)
    config = desk.folder / "config.toml"
    config.write_text(block("toml", "sandbox"))
    told = "import os, sys\nimport hashlib\nprint('nice', os.nice(0))\n"
    plain = replies((RIGHT, ALSO_RIGHT))
    written = {step: text.replace("import sys\nimport hashlib\n", told) for step, text in plain.items()}
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        return desk.run(
            "run", str(desk.issue), "--repo", str(desk.repository), "--config", str(config),
            "--samples", "2", "--json", *endpoint(server.base_url), *given,
        )  # fmt: skip


@pytest.mark.parametrize(("given", "nice"), [((), 5), (("--sandbox", "nice"), 5)])
def test_its_sandbox_runs_code(given: tuple[str, ...], nice: int, tmp_path: Path) -> None:
    ran = with_sandbox(Desk(tmp_path), block("python", "sandbox"), *given)
    assert_clean(ran, 0, "sandbox nice")
    answer = json.loads(ran.stdout)
    assert answer["outcome"] == "proposed", answer["reason"]
    said = "".join(one["execution"]["output"] for one in answer["verdicts"])
    assert f"nice {nice}\n" in said


SANDBOX = block("python", "sandbox")
BROKEN_SANDBOXES = {
    "can't be loaded: ModuleNotFoundError": "import nothing_like_it\n",
    "can't be opened: AttributeError": SANDBOX.replace("options.get", "options.gets"),
    "failed: ValueError: mine": SANDBOX.replace("async with self.inner.open", "raise ValueError('mine')\n"
                                                "        async with self.inner.open"),
    "hands back no execution: 7": SANDBOX.replace('return await self.inner.run(("nice", "-n", self.by, '
                                                  "*command), **how)", "return 7"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "source"),
    BROKEN_SANDBOXES.items(),
    ids=[f"s{number}" for number in range(len(BROKEN_SANDBOXES))],
)
def test_a_sandbox_that_fails_is_named(said: str, source: str, tmp_path: Path) -> None:
    assert source != SANDBOX
    assert_clean(with_sandbox(Desk(tmp_path), source), 1, "the sandbox 'nice'", said)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[models.default]\nkind = "magic"\nmodel = "m"\n', "there is no model 'magic'; known are: openai,"),
        ('[sandbox]\nkind = "magic"\n', "there is no sandbox 'magic'; known are: docker, bubblewrap, local"),
    ],
)
def test_what_nobody_offers_is_said(text: str, told: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "config.toml").write_text(text)
    assert_clean(desk.solve("--config", str(tmp_path / "config.toml")), 2, told)
