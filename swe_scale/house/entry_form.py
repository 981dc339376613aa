"""Learns from the entries of a changelog how one more is to look."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from swe_scale.house.change import Change
from swe_scale.house.entries import sentence, wrapped

_READ = 60
"""Entries that are looked at."""
_ENDS = 400
"""Characters of an entry's beginning and end that are looked at."""
_ITEM = re.compile(r"( {0,3}[-*+•])( {1,4})(\S.*)")
_WIDEST = 120
"""Characters of a line beyond which entries aren't wrapped by hand."""
_LABEL = re.compile(r"(\[[A-Z]{3,12}\]|[A-Z][a-z]{2,10}:) ")
_REPAIR = re.compile(r"\W*(?:bug|fix)", re.IGNORECASE)
_REFERENCES: tuple[tuple[str, str], ...] = (
    (r"^#\d+: ", "#{}: "),
    (r"\(#\d+\)\.?$", " (#{})"),
    (r"\(gh-\d+\)\.?$", " (gh-{})"),
    (r":issue:`\d+`\)?\.?$", " :issue:`{}`"),
    (r":gh:`\d+`\)?\.?$", " :gh:`{}`"),
    (r"(?<!\()#\d+\.?$", " #{}"),
)
"""How entries name a number, and how one is made so."""
_LINK = re.compile(r"\(\[#\d+\]\((https://[\w.-]{1,100}/[\w./-]{1,150})/(?:pull|issues)/\d+\)\)\.?$")


@dataclass(frozen=True, slots=True)
class EntryForm:
    """How the entries of a changelog look."""

    suffix: str
    """Of the file's name, which says its markup."""
    bullet: str = "- "
    label: str = ""
    """What an entry for a repair begins with."""
    reference: str = ""
    """How it names the issue, with `{}` for its number: after the text if it begins with a blank."""
    stop: bool = True
    width: int | None = None
    """Characters of a line; None: an entry is one line."""
    apart: bool = False
    """Whether a blank line stands between entries."""

    def entry(self, change: Change) -> list[str]:
        """Return the lines of an entry for a change, without their ends."""
        text = sentence(change, self.suffix, stop=self.stop)
        named = self.reference.format(change.issue) if change.issue else ""
        whole = f"{self.label}{text}{named}" if named.startswith(" ") else f"{self.label}{named}{text}"
        if self.width is None:
            return [f"{self.bullet}{whole}"]
        return wrapped(whole, self.width, first=self.bullet, rest=" " * len(self.bullet))


def form_of(lines: Sequence[str], suffix: str) -> EntryForm:
    """Return how the entries of a changelog look, by those that come first in it.

    Args:
        lines: of the changelog.
        suffix: of the file's name.
    """
    starts = [number for number, line in enumerate(lines) if _ITEM.match(line)][:_READ]
    if not starts:
        return EntryForm(suffix)
    items = [_item(lines, start) for start in starts]
    texts = [" ".join(part.strip() for part in item) for item in items]
    bodies = [
        f"{match[3][:_ENDS]}{match[3][_ENDS:][-_ENDS:]}" for text in texts if (match := _ITEM.match(text))
    ]
    first = _ITEM.match(lines[starts[0]])
    assert first is not None
    reference = _reference(bodies)
    return EntryForm(
        suffix=suffix,
        bullet=first[1] + first[2],
        label=_label(bodies),
        reference=reference,
        stop=_stops(bodies, reference),
        width=_width(items),
        apart=_apart(lines, starts),
    )


def _item(lines: Sequence[str], start: int) -> list[str]:
    end = start + 1
    while (
        end < len(lines)
        and lines[end][:1] in (" ", "\t")
        and lines[end].strip()
        and not _ITEM.match(lines[end])
    ):
        end += 1
    return [line.rstrip("\r\n") for line in lines[start:end]]


def _reference(bodies: Sequence[str]) -> str:
    counted: Counter[str] = Counter()
    for body in bodies:
        if link := _LINK.search(body):
            counted[f" ([#{{0}}]({link[1]}/issues/{{0}}))"] += 1
        else:
            counted.update([form for pattern, form in _REFERENCES if re.search(pattern, body)][:1])
    form, count = counted.most_common(1)[0] if counted else ("", 0)
    return form if count >= 0.4 * len(bodies) else ""


def _label(bodies: Sequence[str]) -> str:
    labels = [match[1] for body in bodies if (match := _LABEL.match(body))]
    repairs = Counter(label for label in labels if _REPAIR.match(label))
    return f"{repairs.most_common(1)[0][0]} " if repairs and len(labels) >= 0.6 * len(bodies) else ""


def _stops(bodies: Sequence[str], reference: str) -> bool:
    bare = [re.sub(r"\s*\(?(?:#\d+|:\w+:`[^`]+`|\[#\d+\]\([^()]+\))\)?$", "", body) for body in bodies]
    return sum(body.endswith(".") for body in (bare if reference.startswith(" ") else bodies)) * 2 >= len(
        bodies
    )


def _width(items: Sequence[Sequence[str]]) -> int | None:
    lengths = sorted(len(line) for item in items for line in item)
    if not any(len(item) > 1 for item in items) or lengths[len(lengths) * 9 // 10] > _WIDEST:
        return None
    return min(_WIDEST, max(60, lengths[-1 - len(lengths) // 20]))


def _apart(lines: Sequence[str], starts: Sequence[int]) -> bool:
    follows = [not lines[start - 1].strip() for start in starts[1:] if start]
    return sum(follows) * 2 > len(follows)
