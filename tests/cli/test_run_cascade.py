"""Two models by the configuration: with --cascade the second is asked only where the first leaves doubts."""

import json
from pathlib import Path

import pytest
from main_job import RIGHT, WRONG, Desk, assert_clean, endpoint, replies
from scripted_server import ScriptedServer


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def served(*bodies: str) -> ScriptedServer:
    written = replies(bodies)
    return ScriptedServer(lambda step, _: written[step.partition("/")[2]])


def configured(desk: Desk, cheap: ScriptedServer, dear: ScriptedServer) -> tuple[str, ...]:
    config = desk.folder / "config.toml"
    dear.model = "dear"
    config.write_text(
        '[stages]\ntrajectory = ["cheap", "dear"]\nselection = "cheap"\n'
        f'[models.cheap]\nkind = "openai"\nbase_url = "{cheap.base_url}"\nmodel = "scripted"\n'
        f'[models.dear]\nkind = "openai"\nbase_url = "{dear.base_url}"\nmodel = "dear"\n'
    )
    return ("--config", str(config), "--samples", "4", "--cascade", "--json")


@pytest.mark.parametrize(("third", "asked"), [(RIGHT, False), (WRONG, True)])
def test_the_second_model_is_asked_where_the_first_leaves_doubts(desk: Desk, third: str, asked: bool) -> None:
    bodies = (RIGHT, RIGHT, third, RIGHT)
    with served(*bodies) as cheap, served(*bodies) as dear:
        ran = desk.solve(*configured(desk, cheap, dear))
        assert bool(dear.calls) == asked and {call.step.split("/")[1] for call in cheap.calls} >= {
            "trajectory"
        }
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    starts = [one["trajectory"] for one in answer["decisions"] if one["action"] == "start"]
    assert starts == ([1, 3, 2, 4] if asked else [1, 3])
    assert RIGHT.strip() in answer["patch"]


def test_what_cannot_be_used_is_said(desk: Desk) -> None:
    with served(RIGHT) as server:
        alone = desk.solve("--cascade", *endpoint(server.base_url))
        unknown = desk.solve("--stragglers", "cut", *endpoint(server.base_url))
        assert not server.calls
    assert_clean(alone, 2, "--cascade needs several models: name them in [stages] trajectory")
    assert_clean(unknown, 2, "--stragglers 'cut': known are wait, settled, slow.")
