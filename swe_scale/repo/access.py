"""How git shows a token to the one host that it is for."""

import re
from collections.abc import Mapping

_HELPER = (
    r"""!f() { if [ "$1" = get ]; then"""
    r""" printf 'username=x-access-token\npassword=%s\n' "$SWE_SCALE_TOKEN"; fi; }; f"""
)


def access(address: str, token: str) -> Mapping[str, str]:
    """Return variables for git's environment that show a token to an http address's host, and to no other.

    Git asks for it when that host refuses to go on without; a header of our own it would send along to
    wherever that host redirects. Nothing of it is seen in command lines or written to a file, and whatever
    else the user has to keep passwords is neither asked nor told.

    Args:
        address: of the repository; of any other kind, no token is sent.
        token: empty if there is none.
    """
    host = re.match(r"https?://[^/@]+(?=/)", address)
    if host is None or not token:
        return {}
    key = f"credential.{host[0]}.helper"
    return {
        "GIT_CONFIG_COUNT": "2",
        # An empty one ends the list of those that were named before.
        "GIT_CONFIG_KEY_0": key,
        "GIT_CONFIG_VALUE_0": "",
        "GIT_CONFIG_KEY_1": key,
        "GIT_CONFIG_VALUE_1": _HELPER,
        "SWE_SCALE_TOKEN": token,
    }
