"""A run in a checkout that somebody has made ready, with scripted replies."""

import subprocess

from main_job import ALSO_RIGHT, RIGHT, WRONG, Desk, endpoint, replies
from scripted_server import ScriptedServer


def solve(desk: Desk, *options: str) -> subprocess.CompletedProcess[str]:
    """Solve the desk's issue by three trajectories, in place."""
    written = replies((RIGHT, ALSO_RIGHT, WRONG))
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        return desk.run(
            "run", str(desk.issue), "--repo", str(desk.repository), "--here", "--samples", "3", "--json",
            *endpoint(server.base_url), *options,
        )  # fmt: skip
