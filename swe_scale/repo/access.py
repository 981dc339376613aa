"""How git shows a token to the one host that it is for."""

import base64
import re
from collections.abc import Mapping


def access(address: str, token: str) -> Mapping[str, str]:
    """Return variables for git's environment that send a token to an http address's host, and to no other.

    Nothing of it is seen in command lines or written to a file.

    Args:
        address: of the repository; of any other kind, no token is sent.
        token: empty if there is none.
    """
    host = re.match(r"https?://[^/@]+/", address)
    if host is None or not token:
        return {}
    word = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{host[0]}.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {word}",
    }
