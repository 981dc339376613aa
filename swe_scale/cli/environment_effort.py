"""Says what may be spent on an environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """What may be spent on an environment."""

    proof_seconds: float
    """For the repository's own tests; 0: none are run."""
    rounds: int
    """Proposals of a model."""
    fresh: bool
    """Whether what couldn't be built before is tried again, and proposed anew."""
