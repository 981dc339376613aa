"""Finds what looks like a key in a text that is to be posted, and this process's own keys in any form."""

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

_SHORTEST = 8
"""Characters of a variable's value from which it counts."""
_NAMING = re.compile(r"key|token|secret|credential|passw|auth(?!or)|pat$|cookie|session|dsn", re.IGNORECASE)
_PATHS = re.compile(r"/[\w./-]*")
_FORMS: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})"),
    "a GitLab token": re.compile(r"\bgl(?:pat|ptt|dt|rt|cbt|oas|soat|ft)-[A-Za-z0-9_.-]{20,}"),
    "an AWS key": re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    "a Google key": re.compile(
        r"\bAIza[A-Za-z0-9_-]{35}\b|\bya29\.[A-Za-z0-9_-]{30,}|\bGOCSPX-[A-Za-z0-9_-]{28}"
    ),
    "a Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Z0-9]+-\d+-[a-f0-9]+"),
    "a Slack webhook": re.compile(r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/+_-]{20,}"),
    "a model's key": re.compile(r"\bsk-(?:ant-|proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,}"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z]{34}\b"),
    "an npm token": re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"),
    "a PyPI token": re.compile(r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    "a Stripe key": re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    "a SendGrid key": re.compile(r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    "a token of the JWT kind": re.compile(
        r"\beyJ[A-Za-z0-9_-]{10,400}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    ),
    "an address with a password": re.compile(
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'<>]{1,100}:(?!\$|\{|<|\*)[^\s/@\"'<>]{3,200}@"
    ),
}
"""By what it is, the forms that services give their keys."""


class Secrets:
    """What must not be posted: the values of this process's variables that hold keys, and forms of keys."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._own = {
            name: tuple(_written(value.strip()))
            for name, value in environment.items()
            if _NAMING.search(name) and len(value.strip()) >= _SHORTEST and not _PATHS.fullmatch(value)
        }

    def found(self, text: str) -> tuple[str, ...]:
        """Return what looks like a secret in a text, in words that don't hold it."""
        own = [
            f"the value of {name}" for name, forms in self._own.items() if any(one in text for one in forms)
        ]
        return (*own, *(what for what, form in _FORMS.items() if form.search(text)))

    def hidden(self, text: str) -> str:
        """Return a text with what looks like a secret replaced by what it is."""
        for name, forms in self._own.items():
            for form in forms:
                text = text.replace(form, f"[{name}]")
        for what, pattern in _FORMS.items():
            text = pattern.sub(f"[{what}]", text)
        return text


def _written(value: str) -> Iterator[str]:
    """Yield the ways in which a value may be written by what only means to pass it on."""
    data = value.encode("utf-8", "surrogateescape")
    yield value
    yield value[::-1]
    yield data.hex()
    yield quote(value, safe="", errors="surrogateescape")
    # At each of three offsets in what was encoded, without the letters that its neighbours change.
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * offset + data).decode().rstrip("=")
            part = whole[-(-offset * 4 // 3) :][:-1]
            if len(part) >= _SHORTEST:
                yield part
