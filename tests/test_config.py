"""What the user may set; what is wrong is named with its place."""

import json
import os
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError
from runs_kit import config as settings_of_a_run

from swe_scale.config import (
    AnthropicEndpoint,
    Budget,
    Docker,
    Exec,
    Limits,
    Local,
    OpenAIEndpoint,
    Price,
    Prompted,
    RunConfig,
    ScriptedReplies,
    UserConfig,
    cache_folder,
    dump_toml,
    load_user_config,
    user_folder,
)
from swe_scale.errors import UsageError

WHOLE = """
[models.default]
kind = "openai"
base_url = "http://localhost:8000/v1"
model = "m"
key_variable = "MY_KEY"

[models.small]
kind = "scripted"
replies = "replies"

[stages]
selection = "small"

[sandbox]
kind = "docker"
base_image = "python:3.12"

[limits]
seconds = 60
memory = 1073741824

[prices.m]
prompt = 2.0
completion = 8.0
cached = 0.2

[github]
token_variable = "T"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_every_section_is_read(tmp_path: Path) -> None:
    config = load_user_config(write(tmp_path, WHOLE))
    default = config.models["default"]
    assert isinstance(default, OpenAIEndpoint) and default.key_variable == "MY_KEY"
    assert isinstance(config.models["small"], ScriptedReplies)
    assert config.stages == {"selection": "small"}
    assert config.sandbox == Docker(base_image="python:3.12")
    assert config.limits.seconds == 60 and config.prices["m"].cached == 0.2


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    assert load_user_config(None) == UserConfig()
    user_folder().mkdir(parents=True)
    (user_folder() / "config.toml").write_text('[stages]\ntrajectory = "x"\n')
    assert load_user_config(None).stages == {"trajectory": "x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limit]\n", "limit: there is no such field"),
        ("[limits]\nsecond = 3\n", "limits.second: there is no such field"),
        ("[limits]\nseconds = 0\n", "limits.seconds: Input should be greater than 0"),
        ('[sandbox]\nkind = "magic"\n', "sandbox.offered.kind: Value error, there is no sandbox 'magic'"),
        ('[models.a]\nkind = "openai"\nmodel = "m"\n', "models.a.openai.base_url: Field required"),
        ('[stages]\nwriting = "a"\n', "stages.writing.[key]"),
        (
            "[prices.m]\nprompt = -1\ncompletion = 1\n",
            "prices.m.prompt: Input should be greater than or equal to 0",
        ),
        ("[prices.m]\nprompt = nan\ncompletion = 1\n", "prices.m.prompt"),
        (
            '[models.a]\nkind = "openai"\nbase_url = "u"\nmodel = "m"\nkey = "sk-1"\n',
            "models.a.openai.key: there is no such field",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_user_config(path)
    assert str(path) in str(caught.value) and said in str(caught.value)
    assert "sk-1" not in str(caught.value)


def test_the_whole_network_is_not_given_by_a_file(tmp_path: Path) -> None:
    hosts = 'setup_hosts = ["a.example.org", "*.b.example.org:8443", "[2001:db8::1]:80"]\n'
    config = load_user_config(write(tmp_path, f'[network]\nmode = "none"\n{hosts}'))
    assert config.network.mode == "none" and len(config.network.setup_hosts) == 3
    with pytest.raises(UsageError, match="the whole network is given by the option --network full alone"):
        load_user_config(write(tmp_path, '[network]\nmode = "full"\n'))
    with pytest.raises(UsageError, match=r"'https://a\.example\.org' is not a host; write host, host:port"):
        load_user_config(write(tmp_path, '[network]\nsetup_hosts = ["https://a.example.org"]\n'))


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read: No such file"):
        load_user_config(tmp_path / "absent")
    with pytest.raises(UsageError, match="is not valid TOML"):
        load_user_config(write(tmp_path, "a ="))
    (tmp_path / "config.toml").write_bytes(b'a = "\xff"')
    with pytest.raises(UsageError, match="is not valid TOML"):
        load_user_config(tmp_path / "config.toml")


def run_config(**changes: object) -> RunConfig:
    values: dict[str, object] = {
        "models": {
            "trajectory": (ScriptedReplies(replies=Path("r")),),
            "selection": (ScriptedReplies(replies=Path("r")),),
        },
        "sandbox": Local(),
        "strategies": {"revise": 3, "agent": 1},
        "turns": 8,
        "context_tokens": 1000,
        "cells": 2,
    }
    return RunConfig.model_validate(values | changes)


def test_the_settings_of_a_run_come_back_from_their_file() -> None:
    config = run_config(
        budget=Budget(usd=1.5), prices={"scripted": Price(prompt=1, completion=2)}, limits=Limits(seconds=5)
    )
    written = dump_toml(config)
    again = RunConfig.model_validate(tomllib.loads(written))
    assert again == config
    assert list(again.strategies) == ["revise", "agent"]
    assert "None" not in written and dump_toml(again) == written


@pytest.mark.parametrize(
    "changes",
    [
        {"turns": 0},
        {"context_tokens": -1},
        {"sampling": {"trajectory": {"temperature": [3]}}},
        {"models": {"trajectory": []}},
        {"cells": 0},
        {"budget": {"usd": 0}},
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        run_config(**changes)


def test_replies_go_by_how_a_strategy_works() -> None:
    named = {
        "patient": Prompted(kind="agent", turns=70),
        "theirs": Exec(kind="exec", command=("it",), requests=30),
        "plan": Prompted(kind="revise", start="plan"),
    }
    config = run_config(named=named, turns=8, agent_turns=40)
    turns = {name: config.turns_of(name) for name in ("revise", "agent", *named, "from another package")}
    assert list(turns.values()) == [8, 40, 70, 30, 8, 40]
    assert run_config(turns=8).turns_of("agent") == 8


def test_configuration_is_frozen() -> None:
    with pytest.raises(ValidationError):
        run_config().turns = 9  # type: ignore[misc]


def test_the_folders_follow_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert user_folder() == tmp_path / "xdg-config" / "swe-scale"
    assert cache_folder() == Path(os.environ["XDG_CACHE_HOME"]) / "swe-scale"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "swe-scale"
    assert user_folder() == tmp_path / ".config" / "swe-scale"


@pytest.mark.parametrize(("given", "written"), [(None, 6.25), (0.0, 0.0)])
def test_what_anthropic_takes_for_writing_to_its_cache_is_known(given: float | None, written: float) -> None:
    prices = {name: Price(prompt=5.0, completion=25.0, written=given) for name in ("claude", "other")}
    served = (AnthropicEndpoint(model="claude"), OpenAIEndpoint(base_url="http://h/v1", model="other"))
    run = RunConfig(
        models={"trajectory": served},
        sandbox=Local(),
        strategies={"revise": 1},
        turns=1,
        context_tokens=0,
        prices=prices,
    )
    assert (run.prices["claude"].written, run.prices["other"].written) == (written, given)
    assert RunConfig.model_validate(run.model_dump()) == run


def test_a_setting_that_came_later_changes_no_run_that_was_made_before() -> None:
    before = settings_of_a_run().model_copy(update={"rule": "votes"})
    assert (
        not {"rule", "policy", "record_turns", "min_confidence", "cells", "prices"}
        & json.loads(before.identity()).keys()
    )
    for change in (
        {"rule": "codet"},
        {"policy": "until-agreed"},
        {"record_turns": True},
        {"min_confidence": 0.5},
    ):
        changed = before.model_copy(update=change)
        assert json.loads(changed.identity()) == {**json.loads(before.identity()), **change}
    assert before.model_copy(update={"cells": 9}).identity() == before.identity()
