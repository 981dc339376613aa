"""Writes an estimate out: each amount with its range and what it rests on."""

from collections.abc import Iterator
from typing import Literal

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.conversations import planned, planning_turns, reply_tokens, selection_turns, turns_of
from swe_scale.analysis.estimate import Estimate
from swe_scale.analysis.ranges import Range
from swe_scale.config import RunConfig
from swe_scale.records import Record
from swe_scale.triage import OPINIONS

Unit = Literal["number", "usd", "seconds", "bytes"]


class Amount(Record):
    """One line of an estimate."""

    name: str
    title: str
    unit: Unit
    range: Range
    assumption: str


def amounts(made: Estimate, config: RunConfig, assumed: Assumptions) -> Iterator[Amount]:
    """Yield the amounts of an estimate in the order in which they are shown."""
    yield from _models(made, config, assumed)
    yield from _sandboxes(made, config, assumed)
    disk = made.disk
    first = "its record: every prompt, reply and execution"
    yield Amount(name="run_folder", title="run folder", unit="bytes", range=disk.run_folder, assumption=first)
    second = "the tree and what set-up installs; nothing new where it was built before, an image is extra"
    yield Amount(
        name="environment", title="environment", unit="bytes", range=disk.environment, assumption=second
    )
    third = "verdicts, for later runs"
    yield Amount(name="cache", title="cache", unit="bytes", range=disk.cache, assumption=third)


def _models(made: Estimate, config: RunConfig, assumed: Assumptions) -> Iterator[Amount]:
    mended = [one for one in made.shares if one.stage == "environment"]
    mending = f"; high: {config.repair_rounds} to mend the set-up" if mended else ""
    read = [one.spending for one in made.shares if one.stage == "reader"]
    reading = (
        f"; a reader {sum(one.low.calls for one in read):,} – {sum(one.likely.calls for one in read):,} – "
        f"{sum(one.high.calls for one in read):,}"
    )
    yield _number("calls", "calls", made.calls, _turns(config, assumed) + mending + (reading if read else ""))
    least, most = made.first_bytes
    first = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    prompts = (
        f"a first prompt of {first} bytes, {_three(assumed.bytes_per_token)} bytes per token; each turn "
        "sends all that came before"
    )
    yield _number("prompt_tokens", "prompt tokens", made.prompt_tokens, prompts)
    cached = (
        "what an endpoint had before: files and issue for all trajectories but the first, and earlier turns; "
        "none where it keeps no cache"
    )
    yield _number("cached_tokens", "of these cached", made.cached_tokens, cached)
    replies = f"replies of {_three(reply_tokens('trajectory', config, assumed))} tokens on average"
    yield _number("completion_tokens", "completion tokens", made.completion_tokens, replies)
    if made.usd is not None:
        lacking = f"; without {', '.join(made.unpriced)}, which has no price" if made.unpriced else ""
        prices = f"the configured prices; high: nothing comes from a cache{lacking}"
        yield Amount(name="usd", title="US dollars", unit="usd", range=made.usd, assumption=prices)
    if made.gpu_seconds is not None:
        rates = (
            f"{_three(assumed.rate)} completion and {_three(assumed.prefill_rate)} uncached prompt tokens "
            "per second of the whole endpoint; times its GPUs"
        )
        yield _time("gpu_seconds", "GPU time", made.gpu_seconds, rates)


def _turns(config: RunConfig, assumed: Assumptions) -> str:
    parts = [
        f"{count} × {name} of {_three(turns_of(name, config, assumed))} replies"
        for name, count in config.strategies.items()
    ]
    if count := planned(config):
        parts.insert(0, f"{count} plan{'s' if count > 1 else ''} in {_three(planning_turns(config))}")
    if config.triage:
        parts.insert(0, f"triage 1 – 1 – {OPINIONS}")
    tested = f"; a test of the issue 0 – 1 – {config.test_rounds}" if config.test_rounds else ""
    chosen = selection_turns(config, assumed)
    several = f"{config.verdicts} × " if config.verdicts > 1 else ""
    selected = f"; selection {several}{_three(chosen)}" if chosen.high else "; no selection"
    worded = "; words of the patch 0 – 1 – 1" if config.words else ""
    return ", ".join(parts) + selected + tested + worded


def _sandboxes(made: Estimate, config: RunConfig, assumed: Assumptions) -> Iterator[Amount]:
    ran = made.executions
    checks = (
        "candidates × checks, each check twice on the untouched code, and controls; low: nobody writes one, "
        "high: each has a change and a check of its own, others in every turn"
    )
    yield _number("check_executions", "runs of checks", ran.checks, checks)
    if ran.commands.high:
        commands = "one for each reply of an agent"
        yield _number("agent_commands", "agents' commands", ran.commands, commands)
    if ran.agents.high:
        yield _number(
            "agent_runs", "runs of agents", ran.agents, "one per trajectory of a command of its own"
        )
    tests = "the tests near the change: on the untouched code and on every candidate"
    none = "none are known, or they are left out"
    yield _number("test_runs", "runs of its tests", ran.tests, tests if ran.tests.high else none)
    if ran.trials.high:
        trials = "to choose the tests near the change; by files, on the untouched code, half of their time"
        yield _number("test_trials", "test files tried", ran.trials, trials)
    if ran.styled.high:
        yield _number("styled", "formatted", ran.styled, "candidates, by the project's own formatters")
    seconds = assumed.check_seconds.up_to(config.limits.seconds)
    longest = duration(made.longest_sandbox_seconds)
    busy = f"a check {_three(seconds)} s; at most {longest}, where all are killed at their limits"
    yield _time("sandbox_seconds", "sandbox time", made.sandbox_seconds, busy)
    wall = (
        f"{made.cells} sandboxes at a time; a reply at {_three(assumed.stream_tokens_per_second)} tokens per "
        "second"
    )
    yield _time("seconds", "wall clock", made.seconds, wall)


def _number(name: str, title: str, found: Range, assumption: str) -> Amount:
    return Amount(name=name, title=title, unit="number", range=found.whole(), assumption=assumption)


def _time(name: str, title: str, found: Range, assumption: str) -> Amount:
    return Amount(name=name, title=title, unit="seconds", range=found, assumption=assumption)


def _three(found: Range) -> str:
    return " – ".join(f"{value:,.10g}" for value in (found.low, found.likely, found.high))


def duration(seconds: float) -> str:
    """Return an amount of time for a person to read."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
