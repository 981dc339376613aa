"""Carries out `swe-scale demo`."""

import tempfile
from pathlib import Path

from swe_scale import demo
from swe_scale.cli.screen import Naming, Screen, interruptible
from swe_scale.config import Bubblewrap
from swe_scale.events import Events
from swe_scale.live import watch
from swe_scale.sandbox.choice import choose_sandbox, why_not_bubblewrap


def run_demo(*, json: bool) -> int:
    """Solve the bundled issue; return the exit code.

    Raises:
        SweScaleError: no sandbox works here, or something that is needed failed.
    """
    screen, events = Screen.open(json), Events()
    # The demo needs nothing but Python, so it spares a container service the pull of an image.
    sandbox = choose_sandbox() if why_not_bubblewrap() else Bubblewrap()
    # Its code is ours, so it needs no limits.
    sandbox = sandbox.model_copy(update={"allow_unbounded": True})
    screen.say(f"{demo.NOTE} Sandbox: {sandbox.kind}.")

    async def act() -> int:
        with tempfile.TemporaryDirectory(prefix="swe-scale-demo-") as work, watch(events, screen.progress):
            solution = await demo.run_demo(Path(work), sandbox, events)
        return screen.answer_with(solution)

    return interruptible(act, Naming())
