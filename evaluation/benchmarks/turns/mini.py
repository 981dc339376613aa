"""Runs trajectories of mini-swe-agent's agent with an instant model and an idle environment.

Runs in an environment of its own, in which mini-swe-agent is installed. Where one of its own classes would
cost it time for nothing (DeterministicModel copies all replies in every turn), a leaner one stands in.
"""
# What only stands in for something has no use for most of what it is given.
# ruff: noqa: ARG002

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import texts
from mini_pattern import ACTION
from minisweagent.agents.default import DefaultAgent  # type: ignore[import-not-found]
from minisweagent.models.utils.actions_text import (  # type: ignore[import-not-found]
    format_observation_messages,
    parse_regex_actions,
)
from pydantic import BaseModel

_OBSERVATION = "<returncode>{{output.returncode}}</returncode>\n<output>\n{{output.output}}</output>"


class Config(BaseModel):
    """What mini-swe-agent puts in the trajectory's file about the model and the environment."""

    name: str = "instant"


class InstantModel:
    """Answers at once; reads replies and shows outputs with mini-swe-agent's own functions."""

    def __init__(self, number: int) -> None:
        self.config = Config()
        self._number = number
        self._asked = 0

    def query(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        self._asked += 1
        content = texts.reply(f"{self._number}_{self._asked}")
        actions = parse_regex_actions(content, action_regex=ACTION, format_error_template="one action")
        extra = {"actions": actions, "cost": 0.001, "timestamp": time.time()}
        return {"role": "assistant", "content": content, "extra": extra}

    def format_message(self, **fields: Any) -> dict[str, Any]:
        return fields

    def format_observation_messages(
        self, message: dict[str, Any], outputs: list[dict[str, Any]], variables: dict[str, Any]
    ) -> Any:
        return format_observation_messages(
            outputs, observation_template=_OBSERVATION, template_vars=variables
        )

    def get_template_vars(self) -> dict[str, Any]:
        return self.config.model_dump()

    def serialize(self) -> dict[str, Any]:
        return {"info": {"config": {"model": self.config.model_dump(mode="json")}}}


class IdleEnvironment:
    """Runs nothing and says what a command would have printed."""

    def __init__(self, number: int) -> None:
        self.config = Config(name="idle")
        self._number = number
        self._ran = 0

    def execute(self, action: dict[str, Any]) -> dict[str, Any]:
        self._ran += 1
        return {"output": texts.output(f"{self._number}_{self._ran}"), "returncode": 0, "exception_info": ""}

    def get_template_vars(self) -> dict[str, Any]:
        return self.config.model_dump()

    def serialize(self) -> dict[str, Any]:
        return {"info": {"config": {"environment": self.config.model_dump(mode="json")}}}


def trajectory(number: int, turns: int, folder: Path | None) -> None:
    agent = DefaultAgent(
        InstantModel(number),
        IdleEnvironment(number),
        system_template="You resolve issues in the sandbox.",
        instance_template="{{ task }}",
        step_limit=turns,
        cost_limit=0.0,
        output_path=folder and folder / f"{number}.json",
    )
    agent.run(texts.ISSUE)
    assert agent.n_calls == turns


def measure(turns: int, count: int, *, saved: bool) -> float:
    """Return the seconds of `count` trajectories, one after another, after a short one to warm up."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place) if saved else None
        trajectory(0, 5, folder)
        started = time.perf_counter()
        for number in range(1, count + 1):
            trajectory(number, turns, folder)
        return time.perf_counter() - started


if __name__ == "__main__":
    seconds = measure(int(sys.argv[1]), int(sys.argv[2]), saved=sys.argv[3] == "saved")
    print(json.dumps({"seconds": seconds}))
