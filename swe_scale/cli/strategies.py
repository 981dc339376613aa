"""Finds what the strategies of a run stand for: their settings, their own models, their prompt variants."""

from collections.abc import Mapping
from pathlib import Path

from swe_scale.cli.options import SolveOptions
from swe_scale.config import (
    Exec,
    ModelConfig,
    Prompted,
    RunConfig,
    StrategyConfig,
    UserConfig,
    standing_for,
    user_folder,
)
from swe_scale.errors import UsageError
from swe_scale.prompts import variants
from swe_scale.trajectory import offered

_SAMPLES = 10
"""As in CodeMonkeys (arXiv 2501.14723)."""
_VARIANT = 16 * 1024
"""Bytes of a prompt variant at most: it is sent with every call."""


def strategies_of(options: SolveOptions, user: UserConfig) -> dict[str, int]:
    """Return how many trajectories each strategy gets; none where no strategy is wanted.

    Raises:
        UsageError: a count is missing, not a number, or there is no such strategy.
    """
    if options.strategy is None:
        return {"revise": options.samples or _SAMPLES}
    if options.samples is not None:
        raise UsageError("--strategy gives the counts: leave out --samples.")
    found: dict[str, int] = {}
    for text in options.strategy:
        name, _, count = text.partition("=")
        if not count.isdecimal() or int(count) < 1:
            raise UsageError(f"--strategy {text!r}: write NAME=COUNT, for instance revise=4.")
        named_strategy(name, user)
        found[name] = found.get(name, 0) + int(count)
    return found


def named_strategy(name: str, user: UserConfig) -> StrategyConfig | None:
    """Return what a strategy's name stands for; None where another package knows that.

    Raises:
        UsageError: nobody knows the name.
    """
    found = standing_for(name, user.strategies)
    if found is None:
        offered(name, user.strategies)
    return found


def settings_of(options: SolveOptions, user: UserConfig) -> dict[str, StrategyConfig]:
    """Return what the names of the run's strategies stand for; those of other packages are left out.

    Raises:
        UsageError: a name or count can't be used.
    """
    named = {name: named_strategy(name, user) for name in strategies_of(options, user)}
    return {name: one for name, one in named.items() if one is not None}


def own_models(options: SolveOptions, user: UserConfig) -> dict[str, ModelConfig]:
    """Return the models of those strategies that name one.

    Raises:
        UsageError: there is no such model in the configuration.
    """
    found: dict[str, ModelConfig] = {}
    for name, one in settings_of(options, user).items():
        if one.model is None:
            continue
        if one.model not in user.models:
            known = f"known are {', '.join(user.models)}" if user.models else "there is none"
            place = options.config or user_folder() / "config.toml"
            raise UsageError(
                f"strategy {name!r} wants the model {one.model!r}; {known}. Set [models.{one.model}] "
                f"in {place}."
            )
        found[name] = user.models[one.model]
    return found


def variants_of(options: SolveOptions, user: UserConfig) -> dict[str, str]:
    """Return the texts of the prompt variants that the run's strategies name.

    One of our own, or a file of the user's: relative to the folder of the configuration, and plain text.

    Raises:
        UsageError: there is no such variant, or the file can't be used.
    """
    folder = (options.config or user_folder() / "config.toml").parent
    shipped = variants()
    found: dict[str, str] = {}
    for name, one in settings_of(options, user).items():
        if isinstance(one, Prompted) and one.variant is not None:
            known = shipped.get(one.variant)
            found[one.variant] = known or _read(name, folder / Path(one.variant).expanduser(), shipped)
    return found


def _read(strategy: str, path: Path, shipped: Mapping[str, str]) -> str:
    wants = f"strategy {strategy!r} wants the prompt variant {path}"
    try:
        with path.open("rb") as file:
            raw = file.read(_VARIANT + 1)
        text = raw.decode("utf-8").strip()
    except FileNotFoundError:
        known = ", ".join(shipped)
        raise UsageError(f"{wants}: there is no such file; those that need none are {known}.") from None
    except OSError as error:
        raise UsageError(f"{wants}, which can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{wants}, which is no text in UTF-8.") from error
    if len(raw) > _VARIANT or not text:
        raise UsageError(f"{wants}, which must have between 1 and {_VARIANT:,} bytes.")
    return text


def set_up_lines(config: RunConfig) -> tuple[str, ...]:
    """Return the shell lines that install the agents of a run when its environment is built."""
    agents = [one for one in config.named.values() if isinstance(one, Exec)]
    return tuple(dict.fromkeys(line for one in agents for line in one.setup))


def writing(config: RunConfig) -> list[str]:
    """Return the names of the models that trajectories use, each once."""
    staged = config.models["trajectory"] if config.strategies.keys() - config.strategy_models.keys() else ()
    return list(dict.fromkeys(one.model for one in (*staged, *config.strategy_models.values())))
