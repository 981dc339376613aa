"""Ranks candidates by their evidence. Pure: nothing here runs, reads or asks."""

from swe_scale.ranking.outcomes import Evidence, Outcomes, authors_of
from swe_scale.ranking.rule import FINALISTS, Ranking, confidence, rank

__all__ = ["FINALISTS", "Evidence", "Outcomes", "Ranking", "authors_of", "confidence", "rank"]
