"""Makes a run's settings of the configuration file, the options and what the model can take."""

import os
from collections.abc import Mapping

from swe_scale.cli.deadline import deadline_of, written
from swe_scale.cli.method import method_of
from swe_scale.cli.naming import IMAGES, READER, STAGES, TEST, TRIAGE, WORDS, further_stages, triages
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.spending import budget_of, check_priced
from swe_scale.cli.strategies import own_models, settings_of, strategies_of, variants_of, writing
from swe_scale.cli.surroundings import network_of, sandbox_of
from swe_scale.config import (
    ContextSteps,
    Limits,
    ModelConfig,
    RunConfig,
    Stage,
    StageSampling,
    UserConfig,
)
from swe_scale.errors import UsageError

_TURNS = 8
"""As in CodeMonkeys (arXiv 2501.14723)."""
_AGENT_TURNS = 40
"""An agent looks around step by step; what it saw long ago gives way, so its context doesn't bound them."""
_READING = StageSampling(temperature=(0.0,), reply_tokens=1024)
"""Of who reads or looks, who answers with a few words and always alike."""
_SWITCHED = ("mentions", "graph", "history", "reader")


def run_config(
    options: SolveOptions,
    user: UserConfig,
    models: Mapping[str, tuple[ModelConfig, ...]],
    context_length: int,
) -> RunConfig:
    """Return a run's settings; what isn't given is chosen so that it fits the model's context.

    Files get two fifths of the context, the issue at most a sixth, one reply an eighth (and 8,192 tokens);
    the rest is for the conversation, so that there are fewer turns where it is short.

    Args:
        options: of the command.
        user: the configuration.
        models: by stage, and by `strategies.NAME` those that are a strategy's own.
        context_length: tokens that fit into each of them.

    Raises:
        UsageError: an option can't be used, or more is asked for than the context holds.
    """
    budget = budget_of(options)
    check_priced(budget, (one.model for several in models.values() for one in several), user)
    stages = tuple(stage for stage in (*STAGES, TRIAGE, TEST, WORDS, IMAGES, READER) if stage in models)
    asked = dict.fromkeys((*stages, *further_stages(options, user)))
    sampling = {stage: sampling_of(options, user, stage, context_length) for stage in asked}
    reply = max((one.reply_tokens or 0 for one in sampling.values()), default=0)
    files = context_length * 2 // 5 if options.context_tokens is None else options.context_tokens
    if files + reply > context_length:
        raise UsageError(
            f"--context-tokens {files:,} and a reply of {reply:,} tokens don't fit the model's context of "
            f"{context_length:,} tokens."
        )
    shown = max(2048, min(16 * 1024, context_length // 8))
    made = RunConfig(
        models={stage: models[stage] for stage in stages},
        sampling=sampling,
        sandbox=sandbox_of(options, user),
        network=network_of(options, user),
        strategies=strategies_of(options, user),
        named=settings_of(options, user),
        strategy_models=own_models(options, user),
        variants=variants_of(options, user),
        turns=options.turns or max(3, min(_TURNS, context_length // 4096)),
        agent_turns=options.turns or max(3, min(_AGENT_TURNS, context_length // 1024)),
        context_tokens=files,
        context=steps_of(options, user),
        issue_tokens=context_length // 6,
        record_all=options.record_all,
        record_turns=options.record_turns,
        trace_checks=options.trace_checks,
        repeats=options.repeats,
        **method_of(options, user),
        triage=triages(options, user),
        prior=user.prior,
        cells=options.cells or os.cpu_count() or 2,
        limits=_limits(user.limits, shown),
        repair_rounds=options.repair_rounds,
        regression_seconds=options.regression_seconds,
        backtrack=not options.no_backtrack,
        format=not options.no_format,
        test_rounds=options.test_rounds or 0,
        words=bool(options.words),
        prices=user.prices,
        budget=budget,
        deadline=deadline_of(options.deadline),
        cascade=options.cascade,
    )
    if made.cascade and len(writing(made)) < 2:
        raise UsageError(
            "--cascade needs several models: name them in [stages] trajectory, the first to be asked first, "
            "or give strategies models of their own."
        )
    return made


def sampling_of(options: SolveOptions, user: UserConfig, stage: Stage, context_length: int) -> StageSampling:
    """Return how a stage draws: as configured, but for what an option says."""
    terse = stage in (READER, IMAGES)
    base = user.sampling.get(stage, _READING if terse else StageSampling())
    if terse:
        return base
    given = {
        "temperature": None if options.temperature is None else tuple(options.temperature),
        "seed": options.seed,
        "effort": options.effort,
        "reply_tokens": base.reply_tokens or max(256, min(8192, context_length // 8)),
    }
    return base.model_copy(update={name: value for name, value in given.items() if value is not None})


def steps_of(options: SolveOptions, user: UserConfig) -> ContextSteps:
    """Return how files are found.

    Raises:
        UsageError: a step is to be left out that there isn't.
    """
    left_out: dict[str, dict[str, bool | int]] = {
        "order": {"rounds": 0},
        **{name: {name: False} for name in _SWITCHED},
    }
    changed: dict[str, bool | int] = {}
    for name in options.without or ():
        if name not in left_out:
            raise UsageError(f"--without {name!r}: known are {', '.join([*_SWITCHED, 'order'])}.")
        changed |= left_out[name]
    return user.context.model_copy(update=changed)


def _limits(limits: Limits, shown: int) -> Limits:
    given = "output" in limits.model_fields_set
    return limits if given else limits.model_copy(update={"output": shown})


def describe(config: RunConfig, context_length: int) -> str:
    """Return what a run is about to do, in one line."""
    kinds = {f"{count} × {name}": config.turns_of(name) for name, count in config.strategies.items()}
    several = len({*kinds.values()}) > 1
    told = " + ".join(
        f"{kind} of up to {turns} replies" if several else kind for kind, turns in kinds.items()
    )
    reader = "".join(f"; files are read by {one.model}" for one in config.models.get(READER, ()))
    ends = "" if config.deadline is None else f"; ends by {written(config.deadline)}"
    each = "" if several else f", up to {max(kinds.values())} replies each"
    return (
        f"{told}{each}; model {' + '.join(writing(config))}, context "
        f"{context_length:,} tokens: {config.context_tokens:,} for files, replies up to "
        f"{config.sampling_of('trajectory').reply_tokens:,}{reader}; sandbox {config.sandbox.kind}{ends}"
    )
