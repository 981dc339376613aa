"""Estimates what can't be seen: which candidates are right, and which checks say so."""

from swe_scale.ranking.latent.belief import Belief, Prior, believe
from swe_scale.ranking.latent.matrix import Matrix, matrix_of

__all__ = ["Belief", "Matrix", "Prior", "believe", "matrix_of"]
