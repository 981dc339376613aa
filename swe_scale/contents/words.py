"""Splits code and prose into the terms by which files are compared with an issue."""

import re
from functools import lru_cache

UNSPACED = (
    "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
"""Scripts that put no space between words, or between a word and a name of code."""
_WORD = re.compile(
    rf"(?<![^\W{UNSPACED}])[^\W\d{UNSPACED}][^\W{UNSPACED}]{{0,79}}+(?![^\W{UNSPACED}])|[{UNSPACED}]+"
)
"""A longer one is a hash or encoded data."""
_OTHER = re.compile(f"[{UNSPACED}]")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_ENGLISH = """
a about above after again all also am an and any are as at be because been before behavior behaviour being
below between both bug but by can cannot could describe did do does doing don down during each eg else etc
even every expected few following for from further get gets got had has have having he her here hers him his
how however ie if in instead into is issue it its itself just like make may me might more most much must my
no nor not now of off on once only or other our out over own please problem reproduce same see seems she
should since so some still such than that the their them then there these they this those through to too
under until up us use used using very want was way we were what when where which while who whom why will
with without would yes you your
"""
_KEYWORDS = """
assert async await bool break case catch char class const continue def del elif enum except export extends
false final finally float fn func function goto implements import include int interface lambda let long
main new nil none null package pass private protected public raise return self static str string struct
super switch throw throws true try type typeof undefined val var void yield
args kwargs cls
"""
_LONGEST = 200
"""Characters of a run of a script without spaces that are looked at."""
STOP = frozenset(_ENGLISH.split()) | frozenset(_KEYWORDS.split())
"""Terms that tell no file from another."""


def words(text: str) -> list[str]:
    """Return the identifiers and words of a text, as they stand, in order; numbers are left out."""
    return _WORD.findall(text)


@lru_cache(maxsize=1 << 17)
def terms(word: str) -> tuple[str, ...]:
    """Return a word in lower case, whole and split at case and underscore; () where it says nothing.

    Of a script without spaces, return every two characters that stand together.
    """
    if _OTHER.match(word):
        return tuple(dict.fromkeys(word[at : at + 2] for at in range(min(len(word), _LONGEST) - 1))) or (
            word,
        )
    whole = word.strip("_").lower()
    # Case tells parts apart in ASCII names only; prose in other scripts stays whole between underscores.
    parts = _PART.findall(word) if word.isascii() else word.split("_")
    found = dict.fromkeys((whole, *(part.lower() for part in parts)))
    return tuple(part for part in found if len(part) > 1 and part not in STOP)
