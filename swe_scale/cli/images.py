"""Carries out `swe-scale images`: what is kept to start from, built ahead, removed to make room."""

from pathlib import Path
from typing import Literal

from rich.table import Table

from swe_scale.cli.screen import FAILED, Naming, Screen, interruptible
from swe_scale.cli.service import docker_of, open_engine, open_engine_if_any
from swe_scale.config import load_user_config
from swe_scale.events import Events
from swe_scale.live import watch
from swe_scale.sandbox.images import Starts
from swe_scale.sandbox.inventory import Kept, Pruned, kept, prune, total
from swe_scale.sandbox.sizes import parse_size, size

_WHEN = "%Y-%m-%d %H:%M"


def list_images(config: Path | None, *, json: bool) -> int:
    """Print what is kept, least recently used first; return the exit code.

    Raises:
        SweScaleError: the configuration can't be used, or the configured service doesn't answer.
    """
    screen, user = Screen.open(json), load_user_config(config)

    async def act() -> int:
        async with open_engine_if_any(user) as engine:
            found = await kept(engine)
        if json:
            screen.document({"images": [one.model_dump(mode="json") for one in found]})
        elif found:
            screen.answer.print(_table(found))
        else:
            screen.say("nothing is kept.")
        return 0

    return interruptible(act, Naming())


def _table(found: list[Kept]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="")
    for name in ("NAME", "KIND", "SIZE", "MADE", "LAST USED", "IN USE BY"):
        side: Literal["left", "right"] = "right" if name == "SIZE" else "left"
        table.add_column(name, justify=side, no_wrap=name != "IN USE BY", overflow="fold")
    for one in found:
        times = (one.made.astimezone().strftime(_WHEN), one.used.astimezone().strftime(_WHEN))
        table.add_row(one.name, one.kind, size(one.size), *times, ", ".join(one.users))
    return table


def build_image(config: Path | None, *, json: bool) -> int:
    """Pull the configured base, and build on it what environments need; return the exit code.

    Raises:
        SweScaleError: the service doesn't answer, or the image can't be had or built.
    """
    screen, user, events = Screen.open(json), load_user_config(config), Events()

    async def act() -> int:
        with watch(events, screen.progress):
            async with open_engine(docker_of(user)) as engine:
                image = await Starts(engine, events, engine.config.base_image).base()
        name = next(iter(image.tags), image.id)
        if json:
            screen.document({"image": name, "id": image.id})
        else:
            screen.answer.print(name, markup=False, highlight=False, soft_wrap=True)
        return 0

    return interruptible(act, Naming())


def prune_images(config: Path | None, keep_free: str, *, dry: bool, json: bool) -> int:
    """Remove what was used least recently until so much is free; return 1 where that can't be reached.

    Raises:
        UsageError: the amount isn't one, or the configuration can't be used.
        SandboxError: the service doesn't answer, or its disk can't be seen.
    """
    screen, user, wanted = Screen.open(json), load_user_config(config), parse_size(keep_free)

    async def act() -> int:
        async with open_engine_if_any(user) as engine:
            done = await prune(engine, wanted, dry=dry)
        if json:
            removed = [one.model_dump(mode="json") for one in done.removed]
            said = {"free": done.free, "reached": done.reached, "in_use": done.in_use}
            screen.document({"removed": removed, "dry_run": dry, "failures": done.failures, **said})
        else:
            _say(screen, done, wanted, dry=dry)
        return 0 if done.reached and not done.failures else FAILED

    return interruptible(act, Naming())


def _say(screen: Screen, done: Pruned, wanted: int, *, dry: bool) -> None:
    verb = "would be removed" if dry else "removed"
    lines = [f"{verb}: {one.kind} {one.name}, {size(one.size)}" for one in done.removed]
    lines += done.failures
    lines.append(
        f"{len(done.removed)} {verb}, {size(total(done.removed))} that nothing else shared; "
        f"{size(done.free)} {'would be' if dry else 'are'} free"
    )
    if not done.reached:
        stay = f", {done.in_use} are in use" if done.in_use else ""
        lines.append(
            f"that is less than the {size(wanted)} asked for, and nothing else of swe-scale's can go{stay}; "
            "`docker system df` shows what others keep"
        )
    for line in lines:
        screen.answer.print(line, markup=False, highlight=False, soft_wrap=True)
