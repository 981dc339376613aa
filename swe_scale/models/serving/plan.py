"""Makes a server's settings for parallel conversations out of what is known before it starts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from swe_scale.config import Serve
from swe_scale.models.serving.arguments import Argument
from swe_scale.models.serving.budget import gib
from swe_scale.models.serving.fit import Fit, Wish, choose
from swe_scale.models.serving.machine import Machine
from swe_scale.models.serving.settings import (
    Left,
    Setting,
    always,
    caching,
    measured,
    reckoned,
    spread_by_weights,
)
from swe_scale.models.serving.shape import Shape
from swe_scale.models.serving.wish import read_wish, unreckoned

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a server, ours and the user's."""

    settings: tuple[Setting, ...]
    left: tuple[Left, ...]
    """What is left to the server."""
    fit: Fit | None
    """None where the memory can't be reckoned."""
    machine: Machine
    shape: Shape

    @property
    def words(self) -> tuple[str, ...]:
        """The settings as words of a command line."""
        return tuple(word for one in self.settings for word in one.argument.words)

    def budget(self) -> tuple[str, ...]:
        """Return what the memory goes to and how many conversations it holds, a line each."""
        return (_model(self.shape), _gpus(self.machine), *(_held(self.fit) if self.fit else ()))


def _model(shape: Shape) -> str:
    known = [f"weights {gib(shape.weights)}"] if shape.weights else []
    known += [f"made for {shape.longest:,} tokens"] if shape.longest else []
    return f"model: {'; '.join([*known, *([shape.why] if shape.why else [])])}"


def _gpus(machine: Machine) -> str:
    counts = Counter(f"{gpu.name}, {gib(gpu.memory)}" for gpu in machine.gpus)
    found = "; ".join(f"{count} × {name}" for name, count in counts.items())
    return f"GPUs: {found or f'none known: {machine.why}'}"


def _held(fit: Fit) -> Iterator[str]:
    yield from fit.budget.lines()
    each = " in each copy" if fit.layout.copies > 1 else ""
    yield f"= {fit.at_once} conversations of {fit.context:,} tokens at once{each}, two fifths stored once"


def make_plan(serve: Serve, machine: Machine, shape: Shape, given: Sequence[Argument]) -> Plan:
    """Return the settings for a load; what the user gives replaces ours.

    Raises:
        UsageError: more is asked for than the model or the machine has.
        ModelError: the model doesn't fit.
    """
    wish, why = read_wish(serve, given), _unknown(machine, shape, given)
    fit = None if why or shape.sizes is None else choose(shape, shape.sizes, machine.gpus, wish)
    ours = [*([caching()] if shape.sizes else []), *_by_memory(fit, wish, machine, shape, why), *always()]
    named = {one.name for one in given}
    kept = (one for one in ours if isinstance(one, Setting) and one.argument.name not in named)
    return Plan(
        settings=(*kept, *(Setting(one, "yours") for one in given if not one.emptied)),
        left=tuple(one for one in ours if isinstance(one, Left) and one.name not in named),
        fit=fit,
        machine=machine,
        shape=shape,
    )


def _by_memory(
    fit: Fit | None, wish: Wish, machine: Machine, shape: Shape, why: str
) -> Iterator[Setting | Left]:
    if fit is not None:
        yield from reckoned(fit, machine.gpus)
        return
    yield from measured(wish, why)
    if machine.gpus and not why.startswith("--"):
        yield from spread_by_weights(shape, machine.gpus, wish)


def _unknown(machine: Machine, shape: Shape, given: Sequence[Argument]) -> str:
    """Return why the memory can't be reckoned; empty if it can."""
    if changed := unreckoned(given):
        return f"{changed} changes what is taken of the memory"
    if not machine.gpus:
        return machine.why
    if shape.sizes is None:
        return shape.why
    return "" if shape.weights is not None else "the size of the weights isn't known"
