"""Keeps of a stream of rows those that are wanted, and says why none is left where that is so."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from swe_scale.errors import UsageError
from swe_scale.swebench.choosing import SHOWN, Choice
from swe_scale.swebench.instance import Question
from swe_scale.swebench.rows import Found, RowFault, id_of, text_of

_SPARE = 1000
"""Rows that are kept beyond a sample before it is thinned again."""
_MOST_FAULTS = 1000
_SHOWN_FAULTS = 5


@dataclass(slots=True)
class Sifting:
    """What has been read of a dataset so far: the rows that may be wanted, never more."""

    choice: Choice
    name: str
    faults: list[str] = field(default_factory=list)
    rows: int = 0
    _kept: list[Question] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    """Ids of the rows that are wanted."""
    _usable: set[str] = field(default_factory=set)
    _refused: Counter[str] = field(default_factory=Counter)
    _told: set[str] = field(default_factory=set)
    """What some row says of itself, of what a filter may ask for."""

    def take(self, found: Found, question_of: Callable[[Found], Question]) -> None:
        """Keep a row if it may be wanted; note what is wrong with it."""
        self.rows += 1
        try:
            if found.fault:
                raise RowFault(found.fault)
            if self._wanted(found):
                question = question_of(found)
                if question.issue.id in self._usable:
                    raise RowFault(f"{question.issue.id} stands in the file twice")
                self._usable.add(question.issue.id)
                self._kept.append(question)
        except RowFault as fault:
            self._note(f"{self.name}, {found.place}: {fault}")
        if self.choice.sample is not None and len(self._kept) > self.choice.sample + _SPARE:
            self._kept = self.choice.thinned(self._kept)

    def _wanted(self, found: Found) -> bool:
        self._told |= {name for name in SHOWN if name not in self._told and text_of(found.row, *SHOWN[name])}
        if by := self.choice.refused_by(found.row):
            self._refused[by] += 1
            return False
        if text_of(found.row, "instance_id"):
            self._seen.add(id_of(found.row))
        return True

    def _note(self, text: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(text)
        elif len(self.faults) == _MOST_FAULTS:
            self.faults.append(f"{self.name}: further rows that can't be used are not listed")

    def chosen(self) -> tuple[Question, ...]:
        """Return the rows that are wanted, in their order.

        Raises:
            UsageError: there is none; says what left them out.
        """
        for name in sorted((self.choice.ids or frozenset()) - self._seen):
            self._note(f"{self.name} has no row {name[:150]!r}, or a filter leaves it out")
        if found := tuple(self.choice.ordered(self._kept)):
            return found
        first = self.faults[:_SHOWN_FAULTS]
        if by := self._emptied():
            raise UsageError("\n".join([f"of the {self.rows} rows of {self.name}, {by}.", *first]))
        raise UsageError("\n".join([f"{self.name} holds no usable row.", *first]))

    def _emptied(self) -> str:
        """Return what left out the last rows; empty where all that there are can't be used."""
        if self._kept:
            return f"{len(self._kept)} were chosen, and --slice leaves none of them"
        left = self.rows
        for one in self.choice.parts:
            left -= self._refused[one]
            if left == 0 and self.rows:
                unsaid = [
                    each.name
                    for each in self.choice.filters
                    if each.words == one and each.name and each.name not in self._told
                ]
                return f"{one} leaves none" + "".join(f": no row says its {name}" for name in unsaid)
        return ""
