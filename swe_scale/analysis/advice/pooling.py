"""Puts runs together by issue where their configuration is the same, and only there."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from pathlib import Path

from swe_scale.analysis.advice.tried import Attempt, Way
from swe_scale.config import RunConfig
from swe_scale.records import Usage

_GENERATING = (
    "rule", "turns", "agent_turns", "policy", "objective", "cascade", "stragglers", "min_confidence",
    "context", "context_tokens", "repeats", "trace_checks", "prior",
)  # fmt: skip
"""Settings that must be the same beside strategies and models."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One issue in one run."""

    run: str
    asked: int
    """Samples that the run was to make of each issue."""
    attempt: Attempt
    spent: Mapping[str, Usage]
    """By stage."""


@dataclass(slots=True)
class Pool:
    """Runs of one configuration, by issue."""

    config: RunConfig
    """Of the first."""
    way: Way
    runs: list[str] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    strategies: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    issues: dict[tuple[str, ...], list[Tried]] = field(default_factory=lambda: defaultdict(list))
    """By id, repository and base commit."""
    copies: int = 0
    """Issues of a run that another one has, too, with the same trajectories: they count once."""
    unsolved: int = 0
    """Issues of a run without a solution."""
    unknown: set[str] = field(default_factory=set)
    """Issues with grades that a run doesn't have."""
    graded: bool = False
    """Whether any run has grades."""
    crossed: bool = True
    """Whether the patches of turns were crossed with checks in all of them."""

    def add(self, issue: tuple[str, ...], tried: Tried) -> None:
        """Add an issue of a run; of copies, that with most trajectories stays, and of equals a graded one."""
        words = set(tried.attempt.words)
        for place, one in enumerate(self.issues[issue]):
            there = set(one.attempt.words)
            if words and there and (words <= there or there <= words):
                self.copies += 1
                self.issues[issue][place] = max(one, tried, key=_known)
                return
        self.issues[issue].append(tried)

    def known(self) -> Iterator[Sequence[Tried]]:
        """Yield the attempts at each issue that are graded in full and made a sample."""
        for several in self.issues.values():
            told = [one for one in several if one.attempt.right is not None and one.attempt.samples]
            if told:
                yield told


def _known(one: Tried) -> tuple[int, bool]:
    return one.attempt.samples, one.attempt.right is not None


def configuration(config: RunConfig) -> Mapping[str, str]:
    """Return what must be the same in runs that are pooled: strategies in proportion, models, rule, …"""
    common = gcd(*config.strategies.values()) or 1
    mix = {name: count // common for name, count in config.strategies.items()}
    named = [one.model_dump_json() for name, one in sorted(config.named.items()) if name in mix]
    whole = config.model_dump(mode="json", include={*_GENERATING, "sampling"})
    # Several runs of one kind differ in their seeds.
    sampling = {stage: {**one, "seed": 0} for stage, one in whole["sampling"].items()}
    return {
        "strategies": str((sorted(mix.items()), named)),
        "models": str(models_of(config)),
        **{name.replace("_", " "): str(whole[name]) for name in _GENERATING},
        "sampling": str(sorted(sampling.items())),
    }


def models_of(config: RunConfig) -> tuple[str, ...]:
    """Return the models of the trajectories, as they are called."""
    asked = [
        endpoint
        for stage, several in config.asked.items()
        if stage == "trajectory" or stage.startswith("strategies.")
        for one in several
        for endpoint in getattr(one, "endpoints", (one,))
    ]
    return tuple(dict.fromkeys(str(getattr(one, "model", one.kind)) for one in asked))
