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
"""Those that always have a model."""
READER: Stage = "reader"
TRIAGE: Stage = "triage"
TEST: Stage = "test"
WORDS: Stage = "words"
IMAGES: Stage = "images"
_AS_TRAJECTORIES: tuple[Stage, ...] = ("environment", "plan")
"""Stages that ask the trajectories' first model where the configuration names none for them."""


def models_of(options: SolveOptions, user: UserConfig) -> Mapping[Stage, tuple[ModelConfig, ...]]:
    """Return the models of each stage.

    Raises:
        UsageError: none is named, or half of one.
    """
    given = _given_model(options)
    if given is not None:
        return {**dict.fromkeys(STAGES, (given,)), **_seeing(user), **reader_of(options, user, given)}
    if not user.models:
        raise UsageError(
            "no model is named: give --base-url URL --model NAME, or set [models.default] in "
            f"{options.config or user_folder() / 'config.toml'}."
        )
    found = {stage: _defined(stage, user) for stage in STAGES}
    further = [stage for stage in further_stages(options, user) if stage in user.stages]
    own = {stage: _defined(stage, user) for stage in further}
    return {**found, **own, **_seeing(user), **reader_of(options, user, found["trajectory"][0])}


def triages(options: SolveOptions, user: UserConfig) -> bool:
    """Return whether it is asked first if an issue is worth it."""
    return user.triage if options.triage is None else options.triage


def further_stages(options: SolveOptions, user: UserConfig) -> tuple[Stage, ...]:
    """Return the stages beside `STAGES` that are wished; where no model is named, they ask trajectories'."""
    wished = {TRIAGE: triages(options, user), TEST: bool(options.test_rounds), WORDS: bool(options.words)}
    return tuple(stage for stage, asked in wished.items() if asked)


def _defined(stage: Stage, user: UserConfig) -> tuple[ModelConfig, ...]:
    """Return the models of a stage.

    Raises:
        UsageError: it names one that the configuration doesn't define.
    """
    names = _names(stage, user)
    if missing := [name for name in names if name not in user.models]:
        known = ", ".join(user.models)
        raise UsageError(f"stage {stage!r} wants the model {missing[0]!r}; known are {known}.")
    return tuple(user.models[name] for name in names)


def names_models(options: SolveOptions, user: UserConfig) -> bool:
    """Return whether a model is named, by an option or in the configuration."""
    given = (options.base_url, options.model, options.replies, options.serve)
    return any(given) or bool(user.models)


def _seeing(user: UserConfig) -> dict[Stage, tuple[ModelConfig, ...]]:
    """Return the model that looks at images, where one is named."""
    return {IMAGES: _defined(IMAGES, user)[:1]} if IMAGES in user.stages else {}


def reader_of(
    options: SolveOptions, user: UserConfig, given: ModelConfig | None
) -> dict[Stage, tuple[ModelConfig, ...]]:
    """Return the model that reads files: one of the configuration, or another at the same address.

    Args:
        options: of the command; what they name wins over the configuration.
        user: the configuration.
        given: the model of the trajectories, if there is one.

    Raises:
        UsageError: the configuration names one that it doesn't define, or several; or nothing says where it
            is served.
    """
    if READER in (options.without or ()) or not user.context.reader:
        return {}
    if options.reader_model is None:
        named = user.stages.get(READER)
        if isinstance(named, tuple) and len(named) > 1:
            raise UsageError("stage 'reader' names several models; one reads.")
        name = named[0] if isinstance(named, tuple) else named
        if name is not None and name not in user.models:
            raise UsageError(
                f"stage 'reader' wants the model {name!r}; known are {', '.join(user.models) or 'none'}."
            )
        return {} if name is None else {READER: (user.models[name],)}
    if options.reader_model in user.models:
        return {READER: (user.models[options.reader_model],)}
    if given is None:
        raise UsageError(f"--reader-model {options.reader_model!r} is served nowhere: give --base-url, too.")
    return {READER: (_renamed(given, options.reader_model),)}


def reader_alone(options: SolveOptions, user: UserConfig) -> Mapping[Stage, tuple[ModelConfig, ...]]:
    """Return the model that reads files where no other is asked; none where none is named.

    Raises:
        UsageError: as `models_of` and `reader_of`.
    """
    given = _given_model(options)
    if given is None and user.models and options.reader_model not in (None, *user.models):
        given = models_of(options, user)["trajectory"][0]
    return reader_of(options, user, given)


def _renamed(given: ModelConfig, model: str) -> ModelConfig:
    if isinstance(given, Pool):
        return given.model_copy(
            update={"endpoints": tuple(one.model_copy(update={"model": model}) for one in given.endpoints)}
        )
    return given.model_copy(update={"model": model})


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
