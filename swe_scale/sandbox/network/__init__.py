"""How code in a sandbox without network reaches the few hosts that it may: an allow-listing proxy."""

from swe_scale.sandbox.network.door import Server
from swe_scale.sandbox.network.way import INSIDE, PORT, Way, here, open_server, open_way, way_to

__all__ = ["INSIDE", "PORT", "Server", "Way", "here", "open_server", "open_way", "way_to"]
