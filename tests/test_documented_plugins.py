"""The plug-ins page: its strategy is found by entry point and used by a whole command."""

import json
import re
import tomllib
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from main_job import ALSO_RIGHT, RIGHT, SOURCE, Desk, assert_clean, complaint, endpoint, replies
from packages_kit import ROOT
from scripted_server import ScriptedServer

from swe_scale.extensions import GROUPS

TEXT = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
OLD = "    return sum(values) / len(values)"
WHOLE = f'<delete path="stats.py"/>\n<create path="stats.py">\n{SOURCE.replace(OLD, RIGHT)}</create>\n'
Answer = dict[str, Any]


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def install(folder: Path, source: str = "") -> str:
    """Install the page's package, or one with another source, as pip would; return the name it offers."""
    project = tomllib.loads(block("toml"))["project"]
    [(name, place)] = project["entry-points"]["swe_scale.strategies"].items()
    module, version = place.partition(":")[0], project["version"]
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(source or block("python"), encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[swe_scale.strategies]\n{name} = {place}\n")
    return str(name)


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
