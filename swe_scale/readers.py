"""Lays out who reads an issue's files and puts them in order, and how much of its budget that may take."""

from collections.abc import Mapping, Sequence

from swe_scale.config import RunConfig, Stage
from swe_scale.context import Asked, Asker
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.records import Issue, Sampling
from swe_scale.trajectory.shortened import fitted

READER: Stage = "reader"
"""The stage."""
_ISSUE = 2_000
"""Estimated tokens of the issue: it stands in every one of hundreds of questions."""
_OF_CONTEXT = 10
"""It, and a reply, have at most one part in so many of a reader's context; a reply twice as much."""


def shown_to(context_length: int, issue: Issue) -> Issue:
    """Return an issue as a reader with this context is shown it."""
    return fitted(issue, min(_ISSUE, context_length // _OF_CONTEXT))


def reply_tokens(context_length: int, drawn: Sampling) -> int:
    """Return the longest reply of a reader with this context."""
    return min(drawn.max_tokens, 2 * context_length // _OF_CONTEXT)


def asked_of(issue: Issue, models: Sequence[Model], ledger: Ledger, drawn: Sampling, events: Events) -> Asked:
    """Return the reader and the orderer of an issue.

    Args:
        issue: whole.
        models: the one that reads, and the one that puts in order.
        ledger: of the issue.
        drawn: how the replies are.
        events: where progress is reported.
    """
    reader, orderer = (
        Asker(
            issue.id,
            model,
            ledger,
            drawn.model_copy(update={"max_tokens": reply_tokens(model.context_length, drawn)}),
            events,
        )
        for model in models
    )
    shortest = min(model.context_length for model in models)
    return Asked(shown_to(shortest, issue), reader, orderer)


def shares_of(config: RunConfig) -> Mapping[str, float]:
    """Return what the reader may take of a budget of tokens or money."""
    return {READER: config.context.share}
