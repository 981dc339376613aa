"""Carries out `swe-scale serve`: says how a model is served and why, and serves it until it is stopped."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import anyio

from swe_scale.cli.screen import INTERRUPTED, Naming, Screen, interruptible
from swe_scale.config import Serve, load_user_config
from swe_scale.events import printable
from swe_scale.models.serving import Launch, Served, kept_alive, prepare
from swe_scale.models.serving.variables import KEY

__all__ = ["ServeWish", "run_serve"]

_LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class ServeWish:
    """What is to be served, as given; None is as configured."""

    model: str
    arguments: tuple[str, ...] = ()
    """For the server itself."""
    host: str | None = None
    port: int | None = None
    context: int | None = None
    trajectories: int | None = None
    dry_run: bool = False


def run_serve(wish: ServeWish, config: Path | None, *, json: bool) -> int:
    """Serve a model until Ctrl-C; return the exit code. A dry run only says how it would be done.

    Raises:
        UsageError: the model or a setting can't be used.
        ModelError: the model doesn't fit, the server can't start, or it crashed too often.
    """
    screen, serve = Screen.open(json), _settings(wish, load_user_config(config).serve)

    async def act() -> int:
        launch = await prepare(wish.model, serve, wish.arguments)
        if wish.dry_run:
            _show(launch, screen)
            return 0
        for line in _explained(launch):
            screen.say(line)
        if launch.host not in _LOCAL and not launch.variables.get(KEY):
            screen.say(
                f"whoever reaches this machine can use the server: set {KEY} to a key, or mind the host."
            )
        screen.say(f"starting; the server's log is {launch.log}")
        async with kept_alive(launch, screen.say) as served:
            _announce(served, screen)
            await anyio.sleep_forever()
        return INTERRUPTED

    return interruptible(act, Naming())


def _settings(wish: ServeWish, serve: Serve) -> Serve:
    given = {name: getattr(wish, name) for name in ("host", "port", "context", "trajectories")}
    chosen = {name: value for name, value in given.items() if value is not None}
    return Serve.model_validate({**serve.model_dump(), **chosen})


def _explained(launch: Launch) -> list[str]:
    """Return the command, the reason for each of its settings, and the budget, a line each."""
    rows = [(shlex.join(one.argument.words), one.reason) for one in launch.plan.settings]
    rows += [(f"(no --{one.name})", one.reason) for one in launch.plan.left]
    width = min(40, max(len(words) for words, _ in rows))
    return [
        shlex.join(launch.command),
        *(f"  {words:<{width}}  {reason}" for words, reason in rows),
        *(f"  {line}" for line in launch.plan.budget()),
    ]


def _show(launch: Launch, screen: Screen) -> None:
    if not screen.json:
        for line in _explained(launch):
            screen.answer.print(printable(line), markup=False, highlight=False, soft_wrap=True)
        return
    plan = launch.plan
    screen.document(
        {
            "command": launch.command,
            "settings": [{"words": one.argument.words, "reason": one.reason} for one in plan.settings],
            "left": [{"name": one.name, "reason": one.reason} for one in plan.left],
            "budget": plan.budget(),
            "context": plan.fit.context if plan.fit else None,
            "at_once": plan.fit.at_once * plan.fit.layout.copies if plan.fit else None,
            "base_url": launch.base_url,
        }
    )


def _announce(served: Served, screen: Screen) -> None:
    if screen.json:
        screen.document(
            {
                "base_url": served.base_url,
                "model": served.model,
                "context_length": served.context_length,
                "key_variable": served.key_variable,
            }
        )
        return
    context = f", context {served.context_length:,} tokens" if served.context_length else ""
    text = f"serving {served.model} at {served.base_url}{context}; Ctrl-C stops it"
    screen.answer.print(printable(text), markup=False, highlight=False, soft_wrap=True)
