"""What advice consists of: what a person reads, and the `--json` document."""

from collections.abc import Mapping
from typing import Literal

from swe_scale.analysis.figures import Measured
from swe_scale.records import Record


class Cost(Record):
    """Per issue: what is booked of all stages, trajectories in proportion to their number."""

    usd: float
    """US dollars; 0 where nothing was priced."""
    tokens: float
    """Of prompts and replies."""


class SamplePoint(Record):
    """What so many samples of an issue bring: shares of issues, 0 to 1."""

    samples: int
    coverage: Measured
    """pass@k, without bias: some sample is right."""
    resolved: Measured | None = None
    """By what the run's own rule would propose. None: not replayed at this number."""
    wrong: Measured | None = None
    """What it would propose isn't right."""
    efficiency: Measured | None = None
    """Resolved / coverage, 0 to 1. None: nothing is covered."""
    utility: Measured | None = None
    """Resolved less wrong × its cost. None: no cost was given."""
    cost: Cost


class TurnPoint(Record):
    """What all samples bring, each cut after so many turns."""

    turns: int
    issues: int
    """In which the patches after these turns are graded."""
    single: Measured | None
    """pass@1. None: too few of these patches are graded."""
    coverage: Measured | None
    resolved: Measured | None
    """None: not graded, or the cells of these turns weren't run (`--record-turns`)."""
    cost: Cost | None


class Law(Record):
    """A law of coverage, fitted to a run."""

    name: Literal["zero-inflated beta-binomial", "exponentiated power law"]
    parameters: Mapping[str, Measured]
    held_out: Measured | None
    """Fitted to half of the samples: predicted less seen coverage with all of them. None: too few samples."""


class Scenario(Record):
    """What may be resolved by more samples, under one assumption about choosing among them."""

    name: Literal["kept", "trend", "verifier"]
    """`kept`: the share of covered issues that is resolved stays. `trend`: it goes on changing with every
    doubling as it last did. `verifier`: wrong patches are told from right ones as well as by one test that
    passes a fixed share of them (arXiv 2411.17501)."""
    resolved: Measured
    utility: Measured | None


class Ahead(Record):
    """What more samples than there are would bring."""

    factor: int
    """Times the samples there are."""
    samples: int
    zero_inflated: Measured
    """Coverage by this law."""
    power_law: Measured
    scenarios: tuple[Scenario, ...]
    """Of what is resolved: what is now, and more in proportion to what the first law says will be covered."""
    cost: Cost


class Checks(Record):
    """How far written checks can tell right patches from wrong ones; never the check of a patch's author."""

    pass_wrong: Measured | None
    """Share of wrong patches that a check passes which fails on the untouched code. None: no such cell."""
    pass_right: Measured | None
    ceiling: Measured | None
    """Share of issues that any number of samples would resolve, if one such check decided
    (arXiv 2411.17501). None: no fit."""


class Lever(Record):
    """Something the next unit of compute could go to."""

    name: Literal["samples", "turns", "selection", "checks"]
    step: str
    """What would be done."""
    kind: Literal["fitted", "measured", "at most"]
    """Where the gain comes from: a law beyond the record; what the last such step brought; an upper bound."""
    gain: Measured
    """Of the share resolved, by this step."""
    cost: Cost | None
    """More, per issue. None: unknown, or no calls of a model."""
    rate: Measured
    """Gain for what one more sample costs; where the cost is unknown, the gain itself."""
    words: str


class Best(Record):
    """How many samples are best, of those that were replayed."""

    samples: int
    """With the greatest mean utility."""
    level: tuple[int, ...]
    """Numbers whose utility can't be told from it, ascending; it is among them."""
    worth: Literal["utility", "resolved"]
    words: str


class Figures(Record):
    """What grades say of runs of one configuration."""

    by_samples: tuple[SamplePoint, ...]
    by_turns: tuple[TurnPoint, ...]
    unfit: str
    """Why no law is fitted; empty where both are."""
    laws: tuple[Law, ...]
    ahead: tuple[Ahead, ...]
    trust: str
    """Which law is to be trusted, and why; empty without."""
    checks: Checks
    paid: str
    """Whether the second half of the samples paid; empty of too few."""
    best: Best | None
    """None: of too few issues, or one number of samples."""
    levers: tuple[Lever, ...]
    """By rate, greatest first; none of too few issues."""
    verdict: str
    """Where the next unit of compute goes, or why that can't be told."""


class Guess(Record):
    """What the evidence makes probable without grades: an estimate by a rule's own confidence."""

    samples: int
    issues: int
    agreement: float
    """Mean share of the trajectories with a patch that made the commonest change, 0 to 1."""
    probable: float
    """Share of issues whose leader is right with a probability of at least one half, as estimated."""
    expected: float
    """Expected share resolved by what would be proposed, as estimated."""
    cost: Cost
    """Of the trajectories alone."""


class Guesses(Record):
    """All that can be said without grades."""

    rule: str
    """Whose probabilities these are."""
    issues: int
    points: tuple[Guess, ...]


class Part(Record):
    """Runs of one configuration, together."""

    runs: tuple[str, ...]
    strategies: Mapping[str, int]
    """Samples of an issue by strategy; of several runs, their sum."""
    models: tuple[str, ...]
    rule: str
    way: Literal["hardened", "official"]
    """Of grading."""
    finished: int
    """Issues with a solution in any of them."""
    issues: int
    """Of these, those whose candidates are all graded: figures are over them."""
    samples: int
    """Of the issue with most."""
    figures: Figures | None
    """None: no issue is graded in full."""
    guesses: Guesses | None
    """None: there are figures."""
    notes: tuple[str, ...]
    """What must be known to read this, and what is missing."""


class Advice(Record):
    """What is said of all runs that were named."""

    wrong_costs: float | None
    """What a wrong patch costs, where a right one is worth 1."""
    parts: tuple[Part, ...]
    """Never mixed."""
    notes: tuple[str, ...]
    """Which runs are together, and why others are not."""
