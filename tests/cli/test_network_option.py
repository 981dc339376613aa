import pytest

from swe_scale.cli.options import SolveOptions
from swe_scale.cli.surroundings import network_of
from swe_scale.config import Network, UserConfig
from swe_scale.errors import UsageError


def test_the_option_comes_before_the_configuration() -> None:
    user = UserConfig(network=Network(mode="none", setup_hosts=("a.example.org",)))
    assert network_of(SolveOptions(), user) == user.network
    full = network_of(SolveOptions(network="full"), user)
    assert full == Network(mode="full", setup_hosts=("a.example.org",))
    assert network_of(SolveOptions(), UserConfig()).mode == "setup-only"


def test_unknown_modes_are_named() -> None:
    with pytest.raises(UsageError, match="known are none, setup-only, full"):
        network_of(SolveOptions(network="all"), UserConfig())
