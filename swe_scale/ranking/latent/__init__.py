"""Estimates what can't be seen: which candidates are right, and which checks say so."""

from swe_scale.ranking.latent.belief import Belief, Prior, believe
from swe_scale.ranking.latent.matrix import Matrix, matrix_of
from swe_scale.ranking.latent.opinions import Judges, weighed
from swe_scale.ranking.latent.scores import scored

__all__ = ["Belief", "Judges", "Matrix", "Prior", "believe", "matrix_of", "scored", "weighed"]
