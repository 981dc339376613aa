"""The list of models that an agent gets to see: the one that it is given."""

import json
import re

__all__ = ["LISTED", "listing"]

LISTED = re.compile(r"/v1/models(?P<one>/.+)?")
"""Addresses at which clients ask for it, or for one of it."""


def listing(model: str, *, alone: bool) -> bytes:
    """Return the list, in a form that clients of both protocols read; or its one entry `alone`."""
    row = {"id": model, "object": "model", "type": "model", "display_name": model, "created": 0}
    row |= {"created_at": "1970-01-01T00:00:00Z", "owned_by": "swe-scale"}
    rows = {"object": "list", "data": [row], "has_more": False, "first_id": model, "last_id": model}
    return json.dumps(row if alone else rows).encode()
