"""Reads the patches that are to be chosen among; who made them is forgotten while they are read."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from swe_scale.errors import UsageError
from swe_scale.patch import touched
from swe_scale.swebench.predictions import read_predictions

BRANCH = "branch:"
"""Begins the name of a branch in place of a file."""
PATCHES = (".diff", ".patch")
PREDICTIONS = (".json", ".jsonl")
_LARGEST = 32 << 20
"""Bytes of a patch."""
_MOST = 256 << 20
"""Characters of all different patches together."""
_NAMED = 3
"""Instances, or faults, that a message names."""


@dataclass(slots=True)
class Heap:
    """The patches, each with how many brought it."""

    texts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)
    """Where each stands: for messages, and for nothing else."""
    unusable: int = 0
    """What was meant for a patch and can't be read."""
    _size: int = 0

    def add(self, text: str, place: str) -> None:
        """Take one more.

        Raises:
            UsageError: they are too much together.
        """
        if text not in self.texts:
            self._size += len(text)
            if self._size > _MOST:
                raise UsageError(
                    f"the candidates take more than {_MOST >> 20} Mi characters together: give fewer."
                )
        self.texts[text] += 1
        places = self.places.setdefault(text, [])
        if len(places) < _NAMED:
            places.append(place)


@dataclass(slots=True)
class Reader:
    """Reads what `--candidates` names."""

    issue: str
    """Id of the issue."""
    instance: str | None
    """Instance that is meant in predictions. None: the issue's id, or the only one."""
    say: Callable[[str], None]
    heap: Heap = field(default_factory=Heap)
    _predicted: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """By instance, patches and where they stand."""
    _files: dict[Path, set[str]] = field(default_factory=dict)
    """Files of predictions, each with the instances in it."""
    _known: set[tuple[int, int]] = field(default_factory=set)

    def read(self, given: Sequence[str]) -> Heap:
        """Return the patches of files and folders.

        Raises:
            UsageError: one isn't there, can't be read, is of no known form, or holds several instances of
                which none is named.
        """
        for one in given:
            path = Path(one)
            for file in _in_folder(path) if path.is_dir() else (path,):
                self._read_file(file)
        self._choose_instance()
        return self.heap

    def _read_file(self, path: Path) -> None:
        identity = _identity(path)
        if identity in self._known:
            self.say(f"{path} is given twice, and counts once")
            return
        self._known.add(identity)
        if path.suffix in PREDICTIONS:
            self._read_predictions(path)
        else:
            self.heap.add(_diff(path), str(path))

    def _read_predictions(self, path: Path) -> None:
        faults: list[str] = []
        found = self._files[path] = set()
        for number, one in enumerate(read_predictions(path, faults.append), start=1):
            found.add(one.instance)
            if self.instance in (None, one.instance):
                # Its maker's name goes no further than here.
                self._predicted[one.instance].append((one.patch, f"{path} ({number})"))
        if not found:
            raise UsageError(f"{faults[0] if faults else f'{path} holds no predictions'}.")
        self.heap.unusable += len(faults)
        for fault in faults[:_NAMED]:
            self.say(f"left out: {fault}")
        if len(faults) > _NAMED:
            self.say(f"left out: {len(faults) - _NAMED} more of {path}")

    def _choose_instance(self) -> None:
        if not self._files:
            return
        every = sorted(set().union(*self._files.values()))
        wanted = self.instance or (self.issue if self.issue in every else None)
        if wanted is None and len(every) > 1:
            raise UsageError(
                f"the predictions are for {len(every)} instances ({_some(every)}): say which by --instance."
            )
        wanted = wanted or every[0]
        if wanted not in every:
            raise UsageError(f"no prediction is for {wanted!r}; there are {_some(every)}.")
        for path in (path for path, names in self._files.items() if wanted not in names):
            self.say(f"{path} has no prediction for {wanted}")
        for patch, place in self._predicted[wanted]:
            self.heap.add(patch, place)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return found.st_dev, found.st_ino


def _in_folder(folder: Path) -> Iterator[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in PATCHES and path.is_file())
    except OSError as error:
        raise _unreadable(folder, error) from error
    if not found:
        raise UsageError(f"{folder} holds no {' or '.join(PATCHES)} file.")
    yield from found


def _diff(path: Path) -> str:
    text = text_of(path, _LARGEST, keep=True)
    if text.strip() and not touched(text):
        raise UsageError(
            f"{path}, line 1: neither a unified diff nor predictions (which end in .json or .jsonl)."
        )
    return text


def text_of(path: Path, most: int, *, keep: bool = False) -> str:
    """Return the text of a file.

    Args:
        path: the file.
        most: bytes that it may have.
        keep: whether bytes that aren't UTF-8 are kept, as a diff of such files has them.

    Raises:
        UsageError: it can't be read, is too long, or isn't text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if len(data) > most:
        raise UsageError(f"{path} is longer than {most:,} bytes.")
    if (at := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise UsageError(f"{path}, line {line}: it holds a NUL byte, so it is no text.")
    try:
        return data.decode("utf-8", "surrogateescape" if keep else "strict")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}, line {line}: it isn't text in UTF-8.") from error


def _unreadable(path: Path, error: OSError | ValueError) -> UsageError:
    reason = error.strerror if isinstance(error, OSError) else "it is no path"
    return UsageError(f"{path} can't be read: {reason}.")
