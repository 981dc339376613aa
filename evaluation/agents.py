"""Runs agents of the package index as `docs/exec.md` configures them, against written replies.

`python evaluation/agents.py aider [--sandbox docker]` installs the agent in the sandbox, lets it solve a
small issue with the replies written for it here, and prints what came of it. Takes minutes: agents are large.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import tomli_w  # noqa: E402 - the kits of the tests come first
from main_job import Desk, script  # noqa: E402
from scripted_server import ScriptedServer  # noqa: E402

KEY = "sk-canary-of-the-evaluation"
CHECK = script()


def _bash(*lines: str) -> str:
    return "\n".join(("I do this.", "", "```mswea_bash_command", *lines, "```", ""))


REPLIES = {
    "mini": (
        _bash("mkdir -p .swe-scale && cat >.swe-scale/check.py <<'END'", f"{CHECK}END"),
        _bash("sed -i 's/len(values)$/(len(values) or 1)/' stats.py"),
        _bash("PYTHONPATH=. python3 .swe-scale/check.py"),
        _bash("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"),
    ),
    "aider": (
        "I need to see `stats.py`; please add stats.py to the chat.",
        "I change it.\n\nstats.py\n```python\n<<<<<<< SEARCH\n    return sum(values) / len(values)\n=======\n"
        "    return sum(values) / (len(values) or 1)\n>>>>>>> REPLACE\n```\n\n"
        f".swe-scale/check.py\n```python\n<<<<<<< SEARCH\n=======\n{CHECK}>>>>>>> REPLACE\n```\n",
    ),
}
"""What the model says to each agent, in the form that it wants."""
FURTHER = {"mini": ("--config", "mini_textbased.yaml", "--model-class", "litellm_textbased")}
"""Arguments for a server without tool calls."""


def documented(name: str) -> dict[str, Any]:
    """Return a strategy as the documentation has it."""
    text = (ROOT / "docs" / "exec.md").read_text(encoding="utf-8")
    blocks = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    found = next(block["strategies"][name] for block in blocks if name in block["strategies"])
    return {**found, "command": [*found["command"], *FURTHER.get(name, ())]}


def run(name: str, sandbox: str, image: str | None, folder: Path) -> bool:
    """Run one agent, print what came of it, and return whether its change and check were right."""
    desk = Desk(folder, {"OPENAI_API_KEY": KEY})
    chosen: dict[str, Any] = {"strategies": {name: documented(name)}}
    if image:
        chosen["sandbox"] = {"kind": "docker", "base_image": image}
    (folder / "config.toml").write_text(tomli_w.dumps(chosen), encoding="utf-8")
    texts = REPLIES[name]
    with ScriptedServer(lambda step, _: texts[min(int(step[-3:]), len(texts)) - 1], key=KEY) as server:
        command = desk.command(
            "run", str(desk.issue), "--repo", str(desk.repository), "--sandbox", sandbox, "--allow-unbounded",
            "--base-url", server.base_url, "--model", "scripted", "--config", str(folder / "config.toml"),
            "--strategy", f"{name}=1", "--json",
        )  # fmt: skip
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=folder, env=desk.variables(), stdout=subprocess.PIPE, text=True, check=False
        )
        seconds = time.monotonic() - began
    if not done.stdout.strip():
        return False
    said = json.loads(done.stdout)
    (made,) = said["trajectories"]
    passed = [
        one["outcome"]
        for one in said["verdicts"]
        if one["candidate"] != "base" and one["check"] == made["check"]
    ]
    print(f"{name}: {made['outcome']} {made['error']}, {made['turns']} requests, {seconds:.0f} s with set-up")
    print(said["candidates"][0]["patch"] if said["candidates"] else "no candidate")
    print(f"its check on its change: {passed}")
    return passed == ["pass"]


def main() -> int:
    """Run the agents that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="+", choices=sorted(REPLIES))
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--image", help="base image of docker")
    chosen = parser.parse_args()
    right = True
    for name in chosen.names:
        with tempfile.TemporaryDirectory(prefix="swe-scale-agents-") as folder:
            right = run(name, chosen.sandbox, chosen.image, Path(folder)) and right
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
