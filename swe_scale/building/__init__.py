"""Builds environments, proves that they work, and has a model repair those that don't."""

from swe_scale.building.builder import Builder, Built
from swe_scale.building.proof import Proof, prove, read_proof
from swe_scale.building.repair import Repairer

__all__ = ["Builder", "Built", "Proof", "Repairer", "prove", "read_proof"]
