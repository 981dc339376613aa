"""Says what a reader and the ordering of files would be asked: its questions are written, and not sent."""

from collections.abc import Mapping

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.endpoints import Served
from swe_scale.analysis.ranges import LEVELS, Level, Range, Spending
from swe_scale.analysis.staged import Share
from swe_scale.assignments import sampling
from swe_scale.config import RunConfig
from swe_scale.context import Addressee, Questioning, Wish, find_questions
from swe_scale.readers import READER, reply_tokens, shown_to
from swe_scale.records import Issue, Sampling, Usage
from swe_scale.repo import Repository

_AT_A_TIME = 64
"""Questions that are under way."""
_AROUND = 2 * 16 + 512
"""Tokens that a template and a schema add to a question, at most."""

ByStage = Mapping[str, tuple[Served, ...]]


async def measure_reading(
    issue: Issue, repository: Repository, config: RunConfig, served: ByStage
) -> Questioning | None:
    """Return what a reader would be asked; None where none reads.

    Raises:
        RepositoryError: the commit can't be read.
    """
    if not (readers := served.get(READER)) or not config.context.reader:
        return None
    drawn = _drawn(config)
    lengths = [one.length for one in (readers[0], served["trajectory"][0])]
    shown = shown_to(min(lengths), issue)
    to = [
        Addressee(one.model, length - reply_tokens(length, drawn))
        for one, length in zip((readers[0], served["trajectory"][0]), lengths, strict=True)
    ]
    wish = Wish(issue, issue.base_commit, config.context_tokens, config.context)
    return await find_questions(wish, repository, shown, to[0], to[1])


def reading_shares(
    asked: Questioning | None, config: RunConfig, served: ByStage, assumed: Assumptions
) -> tuple[Share, ...]:
    """Return what reading costs, and ordering, which the trajectories' first model does."""
    if asked is None:
        return ()
    reader, orderer = served[READER][0], served["trajectory"][0]
    read = _Amounts(
        Range(
            low=asked.calls, likely=asked.calls + asked.more_calls // 2, high=asked.calls + asked.more_calls
        ),
        Range(low=asked.size, likely=asked.size + asked.more_size // 2, high=asked.size + asked.more_size),
    )
    some = min(asked.order_size, asked.order_calls * asked.shared + asked.order_size // 4)
    ordered = _Amounts(
        Range(low=0, likely=asked.order_calls, high=asked.order_calls),
        Range(low=0, likely=some, high=asked.order_size),
    )
    pairs = ((reader, read), (orderer, ordered))
    return tuple(
        Share(stage="reader", served=one, spending=amounts.spending(one, asked.shared, config, assumed))
        for one, amounts in pairs
    )


def reading_seconds(asked: Questioning | None, reader: Served | None, assumed: Assumptions) -> Range:
    """Return how long replies that wait for each other take: questions are asked many at a time."""
    if asked is None or reader is None or reader.scripted:
        return Range(low=0, likely=0, high=0)

    def seconds(level: Level) -> float:
        count = asked.calls + (asked.more_calls if level == "high" else 0)
        waves = -(-count // _AT_A_TIME) + 1
        return waves * assumed.reading_reply.at(level) / assumed.stream_tokens_per_second.at(level)

    return Range.of(seconds)


class _Amounts:
    """Calls, and bytes of their prompts."""

    def __init__(self, calls: Range, size: Range) -> None:
        self._calls, self._size = calls, size

    def spending(self, served: Served, shared: int, config: RunConfig, assumed: Assumptions) -> Spending:
        """Return what they cost with a model."""
        longest = reply_tokens(served.length, _drawn(config))
        usage = {level: self._usage(level, served, shared, longest, assumed) for level in LEVELS}
        high = usage["high"].model_copy(
            update={
                "cached_tokens": 0,
                "written_tokens": usage["high"].prompt_tokens if served.writes else 0,
            }
        )
        calls = int(self._calls.high)
        bound = Usage(
            calls=calls,
            prompt_tokens=max(int(self._size.high) + calls * _AROUND, high.prompt_tokens),
            completion_tokens=calls * longest,
        )
        return Spending(
            low=usage["low"],
            likely=usage["likely"],
            high=high,
            cacheable=usage["high"].cached_tokens,
            bound=bound,
        )

    def _usage(self, level: Level, served: Served, shared: int, longest: int, assumed: Assumptions) -> Usage:
        calls, density = int(self._calls.at(level)), assumed.bytes_per_token.at(level)
        prompt = int(self._size.at(level) / density + calls * 2 * assumed.template_tokens.at(level))
        cached = min(prompt, int(max(0, calls - 1) * shared / density))
        reply = longest if level == "high" else min(longest, assumed.reading_reply.at(level))
        return Usage(
            calls=calls,
            prompt_tokens=prompt,
            cached_tokens=cached,
            written_tokens=prompt - cached if served.writes else 0,
            completion_tokens=int(calls * reply),
        )


def _drawn(config: RunConfig) -> Sampling:
    return sampling(config.sampling_of(READER), 0)
