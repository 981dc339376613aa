"""Carries out `swe-scale doctor`."""

from pathlib import Path

from swe_scale.cli.naming import READER, models_of
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.screen import FAILED, Naming, Screen, interruptible
from swe_scale.config import load_user_config
from swe_scale.doctor import examine, render
from swe_scale.events import printable


def run_doctor(config: Path | None, base_url: str | None, model: str | None, *, json: bool) -> int:
    """Examine this machine and, where one is named, the endpoint; return 1 if something can't work.

    Raises:
        UsageError: the configuration can't be used.
    """
    screen = Screen.open(json)
    user = load_user_config(config)
    named = base_url or model or user.models
    addresses = [base_url] if base_url else None
    staged = models_of(SolveOptions(base_url=addresses, model=model), user) if named else {}
    solving = (one for stage, several in staged.items() if stage != READER for one in several)
    models = tuple({one.model_dump_json(): one for one in solving}.values())

    async def act() -> int:
        found = await examine(user, models, staged.get(READER, ()))
        if json:
            screen.document(found.model_dump(mode="json"))
        else:
            screen.answer.print(printable(render(found)), markup=False, highlight=False, soft_wrap=True)
        return 0 if found.healthy else FAILED

    return interruptible(act, Naming())
