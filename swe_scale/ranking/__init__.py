"""Ranks candidates by their evidence. Pure: nothing here runs, reads or asks."""

from swe_scale.ranking.finding import OWN_RULES, Rule, find_rule
from swe_scale.ranking.needed import needs_of
from swe_scale.ranking.ordering import Score, ordered
from swe_scale.ranking.outcomes import Evidence, Outcomes, authors_of, shortest_telling
from swe_scale.ranking.posterior import believed
from swe_scale.ranking.prior import Prior
from swe_scale.ranking.rule import FINALISTS, Ranking, confidence, rank
from swe_scale.ranking.voices import clusters_of

__all__ = [
    "FINALISTS",
    "OWN_RULES",
    "Evidence",
    "Outcomes",
    "Prior",
    "Ranking",
    "Rule",
    "Score",
    "authors_of",
    "believed",
    "clusters_of",
    "confidence",
    "find_rule",
    "needs_of",
    "ordered",
    "rank",
    "shortest_telling",
]
