"""Has candidates scored by a verifier of the user's own, whose answer is hostile until it was looked at."""

from typing import Protocol

import anyio

from swe_scale.config import ScoreCommand, ScoreConfig, ScoreEndpoint
from swe_scale.errors import ScoreError, UsageError
from swe_scale.records import Scores
from swe_scale.scoring.document import Question

__all__ = ["Question", "ScoreError", "Scorer", "check_scorer", "find_scorer"]


class Scorer(Protocol):
    """Something that gives patches scores."""

    async def score(self, question: Question) -> Scores:
        """Return the scores of the candidates; some may be missing.

        Raises:
            ScoreError: there are none.
        """
        ...


def find_scorer(config: ScoreConfig, slots: anyio.CapacityLimiter) -> Scorer:
    """Return the verifier of a configuration; nothing is asked yet.

    Args:
        config: a command or an address.
        slots: one of which a command takes while it runs, as a sandbox does.

    Raises:
        ScoreError: its key can't be read.
    """
    if isinstance(config, ScoreCommand):
        from swe_scale.scoring.command import Command

        return Command(config, slots)
    from swe_scale.scoring.endpoint import Endpoint

    return Endpoint.of(config)


def check_scorer(config: ScoreEndpoint) -> None:
    """Say at once if an address or its key can't be used.

    Raises:
        UsageError: that is so.
    """
    from swe_scale.scoring.endpoint import Endpoint

    try:
        Endpoint.of(config)
    except ScoreError as error:
        raise UsageError(f"the verifier can't be asked: {error}") from error
