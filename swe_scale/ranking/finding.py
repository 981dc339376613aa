"""Finds a vote rule by its name, and lets no foreign one do more than rank."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from swe_scale.errors import ExtensionError
from swe_scale.extensions import described, loaded
from swe_scale.ranking.others import (
    cautious,
    codet,
    foreign,
    gated,
    majority,
    medoid,
    random,
    raw,
    scored,
    smallest,
)
from swe_scale.ranking.outcomes import Evidence
from swe_scale.ranking.posterior import latent
from swe_scale.ranking.rule import Ranking, rank
from swe_scale.records import Ranked

Rule = Callable[[Evidence], Ranking]
"""A vote rule. It sees the evidence and nothing else: no label, no author's name, no issue."""

OWN_RULES: Mapping[str, Rule] = {
    "votes": rank,
    "latent": latent,
    "raw": raw,
    "foreign": foreign,
    "gated": gated,
    "cautious": cautious,
    "majority": majority,
    "medoid": medoid,
    "smallest": smallest,
    "codet": codet,
    "scored": scored,
    "random": random,
}


def find_rule(name: str) -> Rule:
    """Return a rule of ours, or one that another package offers under `swe_scale.rules`.

    Raises:
        UsageError: there is none of that name.
        ExtensionError: it can't be loaded.
    """
    return OWN_RULES.get(name) or ForeignRule(name, loaded("rule", name, OWN_RULES))


@dataclass(frozen=True, slots=True)
class ForeignRule:
    """A rule of another package: what it gives is looked at before anything is built on it."""

    name: str
    rule: Rule

    def __call__(self, evidence: Evidence) -> Ranking:
        """Rank.

        Raises:
            ExtensionError: the rule failed, or what it gives is no ranking of these candidates.
        """
        if not evidence.candidates:
            return Ranking((), (), frozenset())
        try:
            found = self.rule(evidence)
            fault = _fault(found, evidence)
        except Exception as error:
            raise ExtensionError(f"the rule {self.name!r} failed: {described(error)}.") from error
        if fault:
            raise ExtensionError(f"the rule {self.name!r} gives no ranking: {fault}.")
        return found


def _fault(found: object, evidence: Evidence) -> str:
    """Return why this is no ranking of the candidates; nothing if it is one."""
    if not isinstance(found, Ranking):
        return f"it is {type(found).__name__}, not Ranking"
    if not all(isinstance(one, Ranked) for one in found.ranked):
        return "a place is no Ranked"
    wanted, ranked = [one.id for one in evidence.candidates], [one.candidate for one in found.ranked]
    if sorted(wanted) != sorted(ranked):
        return f"{len(wanted)} candidates, each once, were to be ranked, but {len(ranked)} places are given"
    if not found.contested or not set(found.contested) <= set(wanted):
        return "the finalists are none, or none of the candidates"
    return "" if found.supported <= set(wanted) else "what it supports is none of the candidates"
