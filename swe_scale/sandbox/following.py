"""Runs a command in a running container and takes what it says as it comes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from swe_scale.sandbox.process import Output

_HEAD = 8
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Exec:
    """One command in a running container."""

    command: Sequence[str]
    workdir: str | None
    """None: the image's own."""
    variables: Mapping[str, str] = field(default_factory=dict)
    user: int | None = 0
    """None: the image's own."""


def followed(api: Any, container: str, what: Exec, outputs: tuple[Output, Output]) -> int | None:
    """Run a command to its end, adding to `outputs` as it speaks; return its exit code.

    Args:
        api: the service's calls.
        container: its id.
        what: to run.
        outputs: take standard output and standard error.
    """
    made = api.exec_create(
        container,
        list(what.command),
        workdir=what.workdir,
        environment=dict(what.variables),
        user="" if what.user is None else f"{what.user}:{what.user}",
    )["Id"]
    with closing(api.exec_start(made, socket=True)) as stream:
        try:
            for number, data in _frames(stream):
                outputs[number - 1].add(data)
        finally:
            # The SDK keeps the connection here, and closes it nowhere.
            stream._response.close()
    code: int | None = api.exec_inspect(made)["ExitCode"]
    return code


def _frames(stream: Any) -> Iterator[tuple[int, bytes]]:
    """Yield what a command says, with the number of its stream, from 1.

    Not by the SDK's own function, which reads from the socket itself: what came along with the head of the
    service's answer is by then in the buffer of its reader, and would be lost.
    """
    reader = stream._response.raw._fp.fp
    if (raw := getattr(getattr(reader, "raw", None), "_sock", None)) is not None:
        raw.settimeout(None)
    while len(head := reader.read(_HEAD)) == _HEAD:
        left = int.from_bytes(head[4:], "big")
        while left and (data := reader.read(min(left, _CHUNK))):
            left -= len(data)
            yield head[0], data
