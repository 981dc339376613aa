"""Writes what a reader is asked: about one file, about many files' summaries, and for their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from swe_scale.context.asking import Addressee, Question, system
from swe_scale.context.corpus import Corpus
from swe_scale.context.excerpt import estimate_tokens
from swe_scale.context.index import Index
from swe_scale.context.replies import READ, Judgement, numbers_schema, one_line
from swe_scale.context.windows import windows
from swe_scale.prompts import render
from swe_scale.records import ContextFile, Issue, digest

_WINDOW = 12_000
"""Estimated tokens of one window of a file."""
_LEAST_WINDOW = 100
_DENSE = 1.5
"""Tokens of a dense text, in those that are estimated."""
_AROUND = 60
"""Tokens that a chat template puts around two messages, at most."""
_ENTRIES, _LISTED = 200, 60
"""Files that are skimmed in one question, and that are put in order."""
_ABOUT = 140
"""Characters that say what a file is for where it is skimmed."""
_PATH = 300
"""Characters of a path that are shown."""
_NOTE = 600
"""Characters of the longest note."""
_NAMES = 30
"""Definitions that are named where a file has no summary."""


@dataclass(frozen=True)
class Questions:
    """Of one issue, to one model."""

    issue: Issue
    """As shown: cut where it is long."""
    corpus: Corpus
    index: Index
    to: Addressee

    @cached_property
    def around(self) -> int:
        """Estimated tokens of a question about a file, without the file."""
        return estimate_tokens(system() + self._read("", "", 1, 2)) + _AROUND

    def of_file(self, number: int, file: ContextFile) -> list[Question]:
        """Return what is asked of a file, window by window; nothing of an empty one."""
        if not file.text.strip():
            return []
        folded = file.tokens < self.corpus.sizes[number]
        outline = () if folded else self.index.outline(self.corpus.contents[number])
        room = max(_LEAST_WINDOW, min(_WINDOW, self._room - self.around))
        parts = list(windows(file.text, outline, room, estimate_tokens))
        place = f"reader/file/{digest(file.path)}"
        return [
            Question(f"{place}/{part}", self._read(file.path, text, part, len(parts), folded), READ)
            for part, text in enumerate(parts, 1)
        ]

    def to_skim(
        self, numbers: Sequence[int], known: Mapping[int, str], most: int
    ) -> list[tuple[list[int], Question]]:
        """Return the questions that list files with a line about each, and the files of each question."""
        lines = {number: self._about(number, known) for number in numbers}
        entries = {number: f"{number}. `{self._path(number)}`: {lines[number]}\n" for number in numbers}
        groups = self._groups(numbers, entries, self._skim([], most), _ENTRIES)
        schema = numbers_schema("files")
        return [
            (
                group,
                Question(
                    f"reader/skim/{place:03}/1", self._skim([(n, lines[n]) for n in group], most), schema
                ),
            )
            for place, group in enumerate(groups, 1)
        ]

    def to_order(self, files: Sequence[int], judged: Mapping[int, Judgement], turn: int) -> Question:
        """Return the question in which order files are to be read."""
        entries = [self._ordered(place, number, judged) for place, number in enumerate(files, 1)]
        text = render("order", issue=self.issue, entries=entries)
        return Question(f"reader/order/{turn}/1", text, numbers_schema("order"))

    def orderable(self, files: Sequence[int], judged: Mapping[int, Judgement]) -> list[int]:
        """Return the files, the first ones, that one question can list."""
        entries = {number: str(self._ordered(0, number, judged)) for number in files[:_LISTED]}
        groups = self._groups(
            files[:_LISTED], entries, render("order", issue=self.issue, entries=[]), _LISTED
        )
        return groups[0] if groups else []

    @staticmethod
    def size(question: Question) -> int:
        """Return the estimated tokens of a question."""
        return estimate_tokens(system() + question.text) + _AROUND

    @staticmethod
    def bytes_of(question: Question) -> int:
        """Return the bytes of a question's messages."""
        return len((system() + question.text).encode("utf-8", "replace"))

    @property
    def shared(self) -> int:
        """Bytes that all questions begin with."""
        return len((system() + render("reader_issue", issue=self.issue)).encode("utf-8", "replace"))

    def most_to_order(self, numbers: Sequence[int]) -> int:
        """Return the bytes of the longest question for an order of these files, or of some of them."""
        longest = Judgement(relevant=True, note="n" * _NOTE)
        files = sorted(numbers, key=lambda number: -len(self._path(number)))
        judged = dict.fromkeys(files, longest)
        return self.bytes_of(self.to_order(files[:_LISTED], judged, 1))

    @property
    def _room(self) -> int:
        return int(self.to.room / _DENSE)

    def _read(self, path: str, text: str, part: int, parts: int, folded: bool = True) -> str:
        shown = shown_path(path)
        return render("read", issue=self.issue, path=shown, text=text, part=part, parts=parts, folded=folded)

    def _skim(self, entries: Sequence[tuple[int, str]], most: int) -> str:
        shown = [
            {"number": place, "path": self._path(number), "about": about}
            for place, (number, about) in enumerate(entries, 1)
        ]
        return render("skim", issue=self.issue, entries=shown, most=most)

    def _ordered(self, place: int, number: int, judged: Mapping[int, Judgement]) -> Mapping[str, object]:
        return {
            "number": place,
            "path": self._path(number),
            "tokens": int(self.corpus.sizes[number]),
            "about": judged[number].note or judged[number].summary or "relevant",
        }

    def _about(self, number: int, known: Mapping[int, str]) -> str:
        if number in known:
            return one_line(known[number], _ABOUT)
        names = dict.fromkeys(one.name for one in self.index.outline(self.corpus.contents[number]))
        return one_line(f"defines {', '.join(list(names)[:_NAMES])}" if names else "?", _ABOUT)

    def _groups(
        self, numbers: Sequence[int], entries: Mapping[int, str], around: str, most: int
    ) -> list[list[int]]:
        """Return files in groups whose entries fit into one question."""
        room = self._room - estimate_tokens(system() + around) - _AROUND
        groups: list[list[int]] = []
        left = 0
        for number in numbers:
            size = estimate_tokens(entries[number]) + 1
            if not groups or size > left or len(groups[-1]) == most:
                groups.append([])
                left = room
            groups[-1].append(number)
            left -= size
        return groups

    def _path(self, number: int) -> str:
        return shown_path(self.corpus.paths[number])


def room_beside(text: str, to: Addressee) -> int:
    """Return the estimated tokens that fit into a question beside this text and what all begin with."""
    return int(to.room / _DENSE) - estimate_tokens(system() + text) - _AROUND


def shown_path(path: str) -> str:
    """Return a path on one line, with nothing that ends the code in which it stands."""
    return one_line(path.replace("`", "'"), _PATH)
