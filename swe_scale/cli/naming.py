"""Chooses the models of a run: those of the options, or those that the configuration names for each stage."""

import re
from collections.abc import Mapping

from pydantic import ValidationError

from swe_scale.cli.options import SolveOptions
from swe_scale.config import (
    ModelConfig,
    OpenAIEndpoint,
    Pool,
    ScriptedReplies,
    Stage,
    UserConfig,
    explain,
    user_folder,
)
from swe_scale.errors import UsageError
from swe_scale.repo.source import redacted

STAGES: tuple[Stage, ...] = ("environment", "plan", "trajectory", "selection")
_AS_TRAJECTORIES: tuple[Stage, ...] = ("environment", "plan")
"""Stages that ask the trajectories' first model where the configuration names none for them."""


def models_of(options: SolveOptions, user: UserConfig) -> Mapping[Stage, tuple[ModelConfig, ...]]:
    """Return the models of each stage.

    Raises:
        UsageError: none is named, or half of one.
    """
    given = _given_model(options)
    if given is not None:
        return dict.fromkeys(STAGES, (given,))
    if not user.models:
        raise UsageError(
            "no model is named: give --base-url URL --model NAME, or set [models.default] in "
            f"{options.config or user_folder() / 'config.toml'}."
        )
    found: dict[Stage, tuple[ModelConfig, ...]] = {}
    for stage in STAGES:
        names = _names(stage, user)
        if missing := [name for name in names if name not in user.models]:
            known = ", ".join(user.models)
            raise UsageError(f"stage {stage!r} wants the model {missing[0]!r}; known are {known}.")
        found[stage] = tuple(user.models[name] for name in names)
    return found


def _names(stage: Stage, user: UserConfig) -> tuple[str, ...]:
    if stage in _AS_TRAJECTORIES and stage not in user.stages:
        return _names("trajectory", user)[:1]
    named = user.stages.get(stage, "default")
    return (named,) if isinstance(named, str) else named


def refuse_other_models(options: SolveOptions) -> None:
    """Refuse options that name a model beside `--serve`.

    Raises:
        UsageError: there is one.
    """
    others = {"--base-url": options.base_url, "--model": options.model, "--replies": options.replies}
    if given := [name for name, value in others.items() if value]:
        raise UsageError(f"--serve starts the model that is asked: leave out {' and '.join(given)}.")


def _given_model(options: SolveOptions) -> ModelConfig | None:
    if options.replies is not None:
        if options.base_url or options.model:
            raise UsageError("--replies stands in for a model: leave out --base-url and --model.")
        return ScriptedReplies(replies=options.replies.absolute())
    addresses = tuple(dict.fromkeys(options.base_url or ()))
    if not addresses and not options.model:
        return None
    if not addresses or not options.model:
        raise UsageError("--base-url and --model belong together.")
    for address in addresses:
        if not re.match(r"https?://[^/]", address):
            raise UsageError(f"--base-url {address!r} must begin with http:// or https://.")
    key = {"key_variable": options.key_variable} if options.key_variable else {}
    endpoints = tuple(_endpoint(address, options.model, key) for address in addresses)
    return endpoints[0] if len(endpoints) == 1 else Pool(endpoints=endpoints)


def _endpoint(address: str, model: str, key: Mapping[str, str]) -> OpenAIEndpoint:
    try:
        return OpenAIEndpoint.model_validate({"base_url": address, "model": model, **key})
    except ValidationError as error:
        raise UsageError(f"--base-url {redacted(address)!r} can't be used:\n{explain(error)}") from error
