"""How code in a sandbox without network reaches the few hosts that it may: an allow-listing proxy."""

from swe_scale.sandbox.network.way import INSIDE, Way, open_endpoint, open_way

__all__ = ["INSIDE", "Way", "open_endpoint", "open_way"]
