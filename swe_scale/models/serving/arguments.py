"""Joins our settings of a server with the user's arguments for it, which win, so that none is given twice."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swe_scale.errors import UsageError

__all__ = ["Argument", "joined", "parse", "value_of"]

_SHORT = {
    "-tp": "tensor-parallel-size",
    "-dp": "data-parallel-size",
    "-pp": "pipeline-parallel-size",
    "-sc": "speculative-config",
    "-q": "quantization",
}
_ALIASES = {"device-memory-utilization": "gpu-memory-utilization"}
_OURS = {
    "host": "give --host, or set `host` in [serve]",
    "port": "give --port, or set `port` in [serve]",
    "model": "name the model as the command's argument",
    "api-key": "put the key into the environment variable VLLM_API_KEY, where no list of processes shows it",
    "hf-token": "put the token into the environment variable HF_TOKEN",
    "config": "put the file's settings into `arguments` of [serve]",
    "uds": "swe-scale reaches the server by host and port",
}
"""What the server's arguments must not hold, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of the server with its values, as words of a command line."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it sets: the same for `--enable-x`, `--no-enable-x`, `--enable_x=…` and `--enable-x.y …`."""
        flag = self.words[0].partition("=")[0]
        plain = flag.removeprefix("--").partition(".")[0].replace("_", "-").removeprefix("no-")
        return _SHORT.get(flag, _ALIASES.get(plain, plain))

    @property
    def value(self) -> str:
        """Its first value, or nothing."""
        _, mark, behind = self.words[0].partition("=")
        return behind if mark else "".join(self.words[1:2])

    @property
    def emptied(self) -> bool:
        """Whether it says, by `--name=`, that the setting is to be left out."""
        return self.words[0].endswith("=") and self.words[0].count("=") == 1


def parse(words: Sequence[str]) -> tuple[Argument, ...]:
    """Return the arguments that a command line's words make up.

    Raises:
        UsageError: a word belongs to no argument, or sets what swe-scale must know.
    """
    groups: list[list[str]] = []
    for word in words:
        if re.match(r"--?[A-Za-z]", word):
            groups.append([word])
        elif groups and "=" not in groups[-1][0]:
            groups[-1].append(word)
        else:
            raise UsageError(f"the server's argument {word!r} follows no flag; write --flag value.")
    found = tuple(Argument(tuple(group)) for group in groups)
    for one in found:
        if one.name in _OURS:
            raise UsageError(f"--{one.name} isn't passed on to the server: {_OURS[one.name]}.")
    return found


def joined(*given: Iterable[Argument]) -> tuple[Argument, ...]:
    """Return the arguments of several sources; a later source replaces what an earlier one sets.

    One source may set a thing in parts, as in `--speculative-config.method … --speculative-config.model …`.
    """
    kept: tuple[Argument, ...] = ()
    for source in given:
        own = tuple(source)
        names = {one.name for one in own}
        kept = (*(one for one in kept if one.name not in names), *own)
    return kept


def value_of(arguments: Iterable[Argument], name: str) -> str | None:
    """Return the last value that a thing is set to; None where it isn't set, or emptied."""
    found = [one for one in arguments if one.name == name]
    return found[-1].value if found and not found[-1].emptied else None
