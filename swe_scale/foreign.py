"""Parses what a repository says in TOML or INI within bounds, though it be made to stall or crash."""

import configparser
import re
import tomllib
from typing import Any

_LONG_KEY = re.compile(
    r"""(?:(?:(?<![\w-])[\w-]++|(?<!\\)"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}"""
)
"""A key of so many parts that keeping all its beginnings, as the parser does, takes the whole memory."""
_GAP = re.compile(r"(?<=\S)[^\S\n]{2,}+")


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of a TOML text.

    Raises:
        ValueError: it isn't TOML, or can't be read within bounds.
    """
    if _LONG_KEY.search(text):
        raise ValueError("a key has too many parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("its values are nested too deeply") from error


class _Ini(configparser.RawConfigParser):
    """Ends at the first fault: gathering the faults of a long text takes hours."""

    def optionxform(self, optionstr: str) -> str:
        if not optionstr:
            raise configparser.ParsingError("an option has no name")
        return super().optionxform(optionstr)


def parse_ini(text: str) -> configparser.RawConfigParser:
    """Return the sections of an INI text; `[DEFAULT]` is one like the others.

    Raises:
        ValueError: it isn't of the form.
    """
    # Without a value there is no fault either, so that none are gathered; they are found below.
    parser = _Ini(strict=False, allow_no_value=True, default_section="")
    try:
        # The parser's own pattern takes the square of the blanks in a line.
        parser.read_string(_GAP.sub(" ", text))
    except (configparser.Error, AttributeError) as error:
        # The parser stumbles over a second line of an option that has no value.
        raise ValueError("it is no INI file") from error
    if any(value is None for name in parser.sections() for _, value in parser.items(name, raw=True)):
        raise ValueError("an option has no value")
    return parser
