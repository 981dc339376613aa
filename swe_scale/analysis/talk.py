"""Counts the tokens of conversations that have not taken place: their prompts grow from turn to turn."""

from dataclasses import dataclass

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.endpoints import Served
from swe_scale.analysis.ranges import LEVELS, Level, Range, Spending
from swe_scale.records import Usage


@dataclass(frozen=True, slots=True)
class Talk:
    """One kind of conversation with one model."""

    served: Served
    opening: Range
    """Bytes of the first messages."""
    shared: int
    """Bytes of these that siblings have in common."""
    turns: Range
    reply: Range
    """Tokens."""
    output: Range
    """Bytes that come after a reply."""
    extra: Range
    """Tokens of the tools."""
    first_bound: int
    """Tokens of the first prompt, at most."""
    growth_bound: int
    """Tokens by which a prompt is longer than the one before, at most."""
    given_bound: int = 0
    """Those of `first_bound` that it may do without: a plan, notes."""

    def spending(self, count: int, warm: bool, assumed: Assumptions) -> Spending:
        """Return what so many conversations spend.

        Args:
            count: how many there are.
            warm: whether the endpoint has had the shared part before.
            assumed: what isn't known.
        """
        high = self._usage("high", count, warm, assumed)
        dear = {"cached_tokens": 0, "written_tokens": high.prompt_tokens if self.served.writes else 0}
        return Spending(
            low=self._usage("low", count, warm, assumed),
            likely=self._usage("likely", count, warm, assumed),
            high=high.model_copy(update=dear),
            cacheable=high.cached_tokens,
            bound=_times(self._bound(), count),
        )

    def _usage(self, level: Level, count: int, warm: bool, assumed: Assumptions) -> Usage:
        density, template = assumed.bytes_per_token.at(level), assumed.template_tokens.at(level)
        reply = self.reply.at(level)
        first = self.opening.at(level) / density + 2 * template + self.extra.at(level)
        growth = reply + self.output.at(level) / density + 2 * template
        prompts = [first + turn * growth for turn in range(int(self.turns.at(level)))]
        if level == "high":
            prompts = [min(prompt, self.served.length) for prompt in prompts]
        else:
            prompts = [prompt for prompt in prompts if prompt + self.reply.high <= self.served.length]
        earlier = sum(prompt + reply for prompt in prompts[:-1])
        siblings = (count if warm else count - 1) * self.shared / density if prompts else 0
        prompt = int(count * sum(prompts))
        cached = min(prompt, int(count * earlier + siblings))
        return Usage(
            calls=count * len(prompts),
            prompt_tokens=prompt,
            cached_tokens=cached,
            written_tokens=prompt - cached if self.served.writes else 0,
            completion_tokens=int(count * reply * len(prompts)),
        )

    def unfit(self, assumed: Assumptions) -> str:
        """Return what is wrong where the first prompt leaves no room for a reply; empty where it fits."""
        fits = {
            level: self.opening.at(level) / assumed.bytes_per_token.at(level) + self.reply.high
            <= self.served.length
            for level in LEVELS
        }
        if fits["high"] or not self.turns.high:
            return ""
        sure = "doesn't fit" if not fits["likely"] else "may not fit"
        return (
            f"The first prompt with a reply of {self.reply.high:,.0f} tokens {sure} the context of "
            f"{self.served.length:,} tokens: give a smaller --context-tokens."
        )

    def first_call(self) -> Usage:
        """Return the bound under which a budget admits the first call, without its price."""
        least = self.first_bound - self.given_bound
        return Usage(calls=1, prompt_tokens=least, completion_tokens=int(self.reply.high))

    def _bound(self) -> Usage:
        turns, longest = int(self.turns.high), self.served.length
        prompts = [self.first_bound + turn * self.growth_bound for turn in range(turns)]
        if self.served.told:
            prompts = [min(prompt, longest) for prompt in prompts]
        return Usage(calls=turns, prompt_tokens=sum(prompts), completion_tokens=turns * int(self.reply.high))


def _times(usage: Usage, count: int) -> Usage:
    return Usage(
        calls=count * usage.calls,
        prompt_tokens=count * usage.prompt_tokens,
        completion_tokens=count * usage.completion_tokens,
    )
