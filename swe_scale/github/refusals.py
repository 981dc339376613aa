"""What GitHub means when it refuses, in words that say what to do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from swe_scale.events import printable

_LONGEST_MESSAGE = 300


def message_of(status: int, body: bytes) -> str:
    """Return GitHub's own words for a refusal, in one short line; empty if there are none."""
    if status < 400:
        return ""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(data, dict):
        return ""
    errors = data.get("errors")
    parts = [data.get("message"), *(errors if isinstance(errors, list) else [errors])]
    texts = [part.get("message") if isinstance(part, dict) else part for part in parts]
    said = "; ".join(" ".join(text.split()) for text in texts if isinstance(text, str))
    return printable(said)[:_LONGEST_MESSAGE]


def meaning(status: int, said: str, about: str, right: str, variable: str) -> str:
    """Return what a status means that isn't one of success, and what to do about it.

    Args:
        status: of the answer.
        said: GitHub's own words.
        about: what was asked for.
        right: what the token must be allowed for that, in GitHub's words.
        variable: the environment variable that holds the token.
    """
    own = f" ({said})" if said else ""
    meanings = {
        401: f"GitHub refuses the token in {variable}; set a valid one, or unset it for public issues",
        403: f"GitHub refuses access to {about}; the token in {variable} may lack the right `{right}`{own}",
        404: f"There is no {about}, or it is private; check the address, or set {variable} to a token",
        410: f"{about} was deleted, or its repository has issues turned off",
    }
    return meanings.get(status, f"GitHub answered {status} for {about}{own}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered with."""

    status: int
    headers: Mapping[str, str]
    """By names, in whatever letters."""
    body: bytes

    @property
    def said(self) -> str:
        """GitHub's own words for a refusal."""
        return message_of(self.status, self.body)
