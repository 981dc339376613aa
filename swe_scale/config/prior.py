"""What is known of issues before anything is seen of one: from earlier runs, in place of what is assumed."""

from pydantic import Field

from swe_scale.config.base import Config


class PriorConfig(Config):
    """How often trajectories are right; `swe-scale advise` fits it to graded runs."""

    hopeless: float = Field(ge=0, lt=1)
    """Share of issues on which no trajectory is right."""
    successes: float = Field(gt=0, le=1000)
    """First parameter of the beta distribution from which the rate of success of the others is drawn."""
    failures: float = Field(gt=0, le=1000)
    """The second."""
    mended: float = Field(default=0.06, ge=0, le=1)
    """Probability that a further reply makes a wrong patch right where that can be."""
