"""The environment that somebody has made ready in a checkout and on this host, used where it is."""

from swe_scale.sandbox.in_place.furnished import TEMPORARY, furnish, furnished, shown
from swe_scale.sandbox.in_place.products import Products
from swe_scale.sandbox.in_place.toolchains import Toolchains, find_toolchains

__all__ = ["TEMPORARY", "Products", "Toolchains", "find_toolchains", "furnish", "furnished", "shown"]
