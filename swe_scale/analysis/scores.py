"""What grades say of a run: how much is resolved, how well it was chosen, how well it was known."""

from swe_scale.analysis.figures import Cell, Measured, Point, Share
from swe_scale.records import Record


class Scores(Record):
    """What one way of grading (official or hardened) says of a run."""

    resolved: Share
    """Resolved of all issues of the run, less `ungraded` and `infra`; one without a patch isn't resolved."""
    precision: Share
    """Resolved of the graded proposals."""
    ungraded: int
    """Issues whose proposed patch has no grade."""
    infra: int
    """Issues on whose proposed patch the machine failed each time."""
    known: int
    """Finished issues whose proposal and all candidates have a ruling: the figures below are over these."""
    coverage: Share
    """With any resolved candidate: what an oracle would resolve (pass@n)."""
    random: Measured
    """Mean probability that a candidate drawn by trajectories is resolved; 0 where there is no candidate."""
    selected: Share
    """Resolved by the proposal."""
    efficiency: Measured | None
    """Selected / covered, 0 to 1. None: nothing is covered."""
    gap: Measured | None
    """(selected - random) / (coverage - random); negative where it is worse than random. None: no gap."""
    pass_at: tuple[Point, ...]
    """pass@k for k up to the samples: coverage by k trajectories, exact over all subsets."""
    ranked_at: tuple[Point, ...]
    """Resolved with k of the trajectories, drawn without replacement and ranked anew, no model asked."""
    by_turns: tuple[Point, ...]
    """Coverage by all trajectories cut after so many turns; no point where too few patches were graded."""
    heat: tuple[Cell, ...]
    """Coverage by turns and samples, row by row: turns ascending, within them samples ascending."""


class Bin(Record):
    """Proposals of like confidence."""

    low: float
    high: float
    """Confidences from `low` to `high`; equal ones to `high` belong to the next bin, 1 to the last."""
    confidence: float
    """Mean, 0 to 1."""
    resolved: Share
    """Hardened."""


class Risk(Record):
    """One point of the risk-coverage curve: only proposals of at least this confidence are handed out."""

    confidence: float
    coverage: float
    """Share of the graded proposals that are handed out, 0 to 1."""
    risk: float
    """Share of these that aren't resolved, 0 to 1."""


class Calibration(Record):
    """How well the confidence of proposals tells whether they are resolved (hardened)."""

    of: int
    """Graded proposals."""
    bins: tuple[Bin, ...]
    """Those that hold a proposal, ascending."""
    brier: Measured
    """Mean squared difference of confidence and outcome, 0 (best) to 1."""
    ece: Measured
    """Expected calibration error: distance of confidence and share resolved, mean over proposals, 0 to 1."""
    curve: tuple[Risk, ...]
    """By falling confidence."""
    aurc: Measured
    """Area under the risk-coverage curve, 0 (best) to 1."""
