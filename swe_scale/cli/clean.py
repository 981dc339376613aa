"""Carries out `swe-scale clean`: removes what runs left behind, and says what."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swe_scale.cli.screen import FAILED, Naming, Screen, interruptible
from swe_scale.cli.service import open_engine_if_any
from swe_scale.config import UserConfig, load_user_config
from swe_scale.errors import SandboxError, UsageError
from swe_scale.events import printable
from swe_scale.sandbox.cleaning import Cleaned, Scope, clean, find, in_use
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.left_over import Left


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be removed, as given."""

    name: str | None
    all: bool
    force: bool


def run_clean(wish: Wish, config: Path | None, *, json: bool) -> int:
    """Remove what is left; return 1 if some of it can't be removed.

    Raises:
        UsageError: the options don't go together, or would break a run that is going on.
    """
    if wish.name is not None and wish.all:
        raise UsageError("--name NAME is one run, --all is every run: give one of them.")
    if wish.force and not wish.all and wish.name is None:
        raise UsageError("--force breaks runs that are going on: say which, by --name NAME or --all.")
    screen, user = Screen.open(json), load_user_config(config)

    async def act() -> int:
        cleaned = await _clean(wish, user)
        if json:
            removed = [left.model_dump(mode="json") for left in cleaned.removed]
            screen.document({"removed": removed, "failures": cleaned.failures})
        else:
            for line in _lines(cleaned):
                screen.answer.print(printable(line), markup=False, highlight=False, soft_wrap=True)
        return FAILED if cleaned.failures else 0

    return interruptible(act, Naming())


async def _clean(wish: Wish, user: UserConfig) -> Cleaned:
    """Clean with the container service, or where it doesn't answer without it: the host comes first."""
    try:
        async with open_engine_if_any(user) as engine:
            return await _clean_with(engine, wish)
    except SandboxError as error:
        cleaned = await _clean_with(None, wish)
        cleaned.failures.append(f"containers were not looked for: {error}")
        return cleaned


async def _clean_with(engine: Engine | None, wish: Wish) -> Cleaned:
    scope = Scope(wish.name, living=wish.force)
    if wish.all and not wish.force:
        found = (left for left, _ in await find(engine, also_unowned=False))
        if alive := sorted({_run_of(left) for left in found if in_use(left)}):
            raise UsageError(
                f"--all would break what is going on: {', '.join(alive)}. Add --force to do that, or leave "
                "out --all to remove only what dead runs left."
            )
    return await clean(engine, scope)


def _run_of(left: Left) -> str:
    return f"run {', '.join(left.runs)}" if left.runs else f"process {left.owner.split('-')[1]}"


def _lines(cleaned: Cleaned) -> Sequence[str]:
    if not cleaned.removed and not cleaned.failures:
        return ["nothing was left behind."]
    said = [
        f"removed: {left.kind} {left.name}" + (f" (of {_run_of(left)})" if left.owner else "")
        for left in cleaned.removed
    ]
    return [*said, *cleaned.failures]
