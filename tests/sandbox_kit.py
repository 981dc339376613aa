"""The ways of running code apart that tests are asked of."""

import pytest

ISOLATING = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("docker-strict", marks=pytest.mark.docker),
    pytest.param("docker-plain", marks=pytest.mark.docker),
    pytest.param("docker-exec", marks=pytest.mark.docker),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("bubblewrap-copies", marks=pytest.mark.bubblewrap),
]
"""Backends, and the ways that they go where the kernel or a compiler is missing."""
BACKENDS = [*ISOLATING, pytest.param("local")]
