"""Writes out what can't be seen in a text, so that what is shown is what is there."""

from urllib.parse import quote

_PLAIN = frozenset("\n\t")
_PICTURES = 0x2400
"""Where Unicode has its pictures of control characters."""


def visible(text: str) -> str:
    """Return a text in which controls, marks of direction, lone surrogates and the like are written out."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in _PLAIN else _named(ord(one)) for one in text)


def _named(code: int) -> str:
    return chr(_PICTURES + code) if code < 32 else f"⟨U+{code:04X}⟩"


def address(text: str) -> str:
    """Return a text as a part of an address: without what separates parts, and without anything unseen."""
    return quote(visible(text), safe="")
