"""Runs mini-swe-agent's default agent in its Docker environment, with a model that answers at once.

Usage: mini_docker.py IMAGE WORKDIR TURNS saved|unsaved. Runs in an environment of its own, in which
mini-swe-agent is installed.
"""

import json
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "turns"))

import commands
import texts
from mini import InstantModel
from mini_pattern import ACTION
from minisweagent.agents.default import DefaultAgent  # type: ignore[import-not-found]
from minisweagent.environments.docker import DockerEnvironment  # type: ignore[import-not-found]
from minisweagent.models.utils.actions_text import parse_regex_actions  # type: ignore[import-not-found]


class StampingModel(InstantModel):
    """Answers at once, and keeps when it was asked: that is when a turn begins."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked: list[float] = []

    def query(self, messages: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG002
        self.asked.append(time.perf_counter())
        content = commands.reply(len(self.asked), "look")
        actions = parse_regex_actions(content, action_regex=ACTION, format_error_template="one action")
        extra = {"actions": actions, "cost": 0.001, "timestamp": time.time()}
        return {"role": "assistant", "content": content, "extra": extra}


class ListeningEnvironment(DockerEnvironment):  # type: ignore[misc]
    """Keeps what the commands printed."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.outputs: list[str] = []

    def execute(self, action: dict[str, Any], cwd: str = "", *, timeout: int | None = None) -> dict[str, Any]:
        found: dict[str, Any] = super().execute(action, cwd, timeout=timeout)
        self.outputs.append(found["output"])
        return found

    def cleanup(self) -> None:
        if name := getattr(self, "container_id", None):
            self.container_id = None
            subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)


def measure(image: str, workdir: str, turns: int, folder: Path | None) -> float:
    """Return the milliseconds per turn from the second one on, without the commands' own."""
    quiet = logging.getLogger("quiet")
    model, place = StampingModel(), ListeningEnvironment(image=image, cwd=workdir, logger=quiet)
    try:
        agent = DefaultAgent(
            model,
            place,
            system_template="You resolve issues in the sandbox.",
            instance_template="{{ task }}",
            step_limit=turns + 1,
            cost_limit=0.0,
            output_path=folder and folder / "trajectory.json",
        )
        agent.run(texts.ISSUE)
    finally:
        place.cleanup()
    return commands.overhead(model.asked, place.outputs)


if __name__ == "__main__":
    image_, workdir_, turns_, way = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="bench-") as place_:
        saved = Path(place_) if way == "saved" else None
        print(json.dumps({"ms": measure(image_, workdir_, int(turns_), saved)}))
