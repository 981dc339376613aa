"""Tells from past commits how a project writes the messages of its commits, and why that is thought."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from swe_scale.house.commits import CLOSES, Told, first_line
from swe_scale.house.subjects import REPAIRS, Kind
from swe_scale.records import Record

FEWEST = 10
"""Commits by people, below which history says nothing."""
_ENOUGH = 20
"""Repairs from which on they alone say how a repair is told."""
_MAJORITY = 0.5
"""Share of commits from which on a beginning is taken; where they differ more, none is safe …"""
_NOT_ODD = 0.25
"""… if so many have none."""
_CLOSING_LEAD = re.compile(r"\[?(?:fix|close|resolve)", re.IGNORECASE)
_SIGNED = re.compile(r"^Signed-off-by: .+@", re.MULTILINE)
_TRAILER = re.compile(r"^[A-Za-z][\w-]*: ")
_TITLE = 72
"""Characters that a subject may always have."""
_WIDEST = 100
"""Characters of a line beyond which text isn't wrapped by hand."""


class Habits(Record):
    """How messages of commits are written."""

    kind: Kind = "plain"
    lead: str = ""
    """Of kind `reference`: the beginning with `{}` for the number."""
    label: str = ""
    """Of kinds `label` and `gitmoji`: that of a repair."""
    scoped: bool = False
    """Of kind `label`: whether a part of the project is named with it."""
    spaced: bool = True
    """Of kind `gitmoji`: whether a blank follows."""
    capital: bool = True
    """Whether the text begins with a capital."""
    stop: bool = False
    """Whether it ends with a full stop."""
    trailing: str = ""
    """Reference at the end of the subject with `{}` for the number."""
    longest: int = 72
    """Characters of a subject."""
    closes: str = "Fixes #{}"
    """The line that closes an issue, with `{}` for its number."""
    width: int | None = 72
    """Columns at which bodies are wrapped; None: they aren't."""
    sign_off: bool = False
    """Whether commits carry a sign-off."""
    sign_offs: float = 0.0
    """Share of them that do."""
    names: frozenset[str] = frozenset()
    """Words that stand in subjects with a capital only, though these begin without one."""
    reasons: tuple[str, ...] = ("no history says how commits are written: plain imperative",)


def habits_of(commits: Sequence[Told], *, labelled: bool = False) -> Habits:
    """Return how a project writes messages, by its commits.

    Args:
        commits: newest first.
        labelled: the project declares that it labels subjects (Conventional Commits).
    """
    if len(commits) < FEWEST:
        if labelled:
            reason = "the project declares Conventional Commits"
            return Habits(kind="label", label="fix", capital=False, reasons=(reason,))
        return Habits()
    repairs = [one for one in commits if one.repairs]
    sample = repairs if len(repairs) >= _ENOUGH else list(commits)
    what = f"of {len(sample)} {'repairs' if sample is repairs else 'commits'}"
    if _leads(named := [one for one in repairs if one.names_an_issue]):
        sample, what = named, f"of {len(named)} repairs that name their issue"
    kind, share = _kind(sample, commits, labelled=labelled)
    alike = [one for one in sample if one.subject.kind == kind] or list(sample)
    capital = _share(_starts_high(one.subject.text) for one in alike)
    stop = _share(one.subject.text.endswith(".") for one in alike)
    signed = _share(bool(_SIGNED.search(one.past.message)) for one in commits)
    return Habits(
        kind=kind,
        lead=_lead(alike),
        label=_label(alike, commits) if kind in ("label", "gitmoji") else "",
        scoped=_share(bool(one.subject.scope) for one in alike) >= 0.5,
        spaced=kind != "gitmoji" or _share(_spaced(one) for one in alike) >= 0.5,
        capital=capital >= 0.5,
        stop=stop >= 0.5,
        trailing=_trailing(sample),
        longest=_longest(commits),
        closes=_closes(commits),
        width=_width(commits),
        sign_off=signed >= 0.5,
        sign_offs=signed,
        names=_names(commits) if capital < 0.5 else frozenset(),
        reasons=(
            f"subjects: {kind} in {share:.0%} {what}{', as the project declares' if labelled else ''}",
            f"text begins with a capital in {capital:.0%}, ends with a full stop in {stop:.0%} of these",
            f"sign-off on {signed:.0%} of {len(commits)} commits",
        ),
    )  # fmt: skip


def _leads(named: Sequence[Told]) -> bool:
    """Return whether those that name an issue do so at the beginning of the subject."""
    return len(named) >= FEWEST and _share(one.subject.kind == "reference" for one in named) >= 0.5


def _lead(alike: Sequence[Told]) -> str:
    leads = [one.subject.lead for one in alike]
    return _usual(lead for lead in leads if _CLOSING_LEAD.match(lead)) or _usual(leads)


def _share(values: Iterable[bool | None]) -> float:
    said = [value for value in values if value is not None]
    return sum(said) / len(said) if said else 0.0


def _usual(values: Iterable[str]) -> str:
    counted = Counter(value for value in values if value)
    return counted.most_common(1)[0][0] if counted else ""


def _kind(sample: Sequence[Told], commits: Sequence[Told], *, labelled: bool) -> tuple[Kind, float]:
    sure = Counter(one.subject.kind for one in commits if not one.subject.unsure)
    # `docs: ` is a label where others are labels, and a module where others are modules.
    unsure: Kind = "module" if sure["module"] > sure["label"] else "label"
    kinds: Counter[Kind] = Counter(unsure if one.subject.unsure else one.subject.kind for one in sample)
    if labelled and kinds["label"] >= len(sample) / 4:
        return "label", kinds["label"] / len(sample)
    kind = max(kinds, key=lambda one: (kinds[one], one == "plain"))
    if kinds[kind] < _MAJORITY * len(sample) and kinds["plain"] >= _NOT_ODD * len(sample):
        kind = "plain"
    return kind, kinds[kind] / len(sample)


def _starts_high(text: str) -> bool | None:
    word = _first_word(text)
    if not re.fullmatch(r"[A-Za-z][a-z'-]*[:,.]?", word):
        return None
    return word[0].isupper()


def _first_word(text: str) -> str:
    return text.split(maxsplit=1)[0] if text.strip() else ""


def _names(commits: Sequence[Told]) -> frozenset[str]:
    words = {word for one in commits for word in re.findall(r"[A-Za-z]+", one.subject.text)}
    return frozenset(word for word in words if word.istitle() and word.lower() not in words)


def _label(alike: Sequence[Told], commits: Sequence[Told]) -> str:
    """Return how a repair is labelled: as repairs were, otherwise in the case of other labels."""
    for sample in (alike, commits):
        if found := _usual(one.subject.label for one in sample if one.subject.repairs):
            return found
    other = _usual(one.subject.label for one in alike)
    if alike[0].subject.kind == "gitmoji":
        return ":bug:" if other.startswith(":") else "🐛"
    return "BUG" if other.isupper() else REPAIRS[0].capitalize() if other[:1].isupper() else REPAIRS[0]


def _spaced(one: Told) -> bool:
    return f"{one.subject.label} " in one.past.message[:80]


def _trailing(sample: Sequence[Told]) -> str:
    share = _share(bool(one.subject.trailing) for one in sample)
    return _usual(one.subject.trailing for one in sample) if share >= 0.5 else ""


def _longest(commits: Sequence[Told]) -> int:
    lengths = sorted(len(first_line(one.past)) for one in commits)
    return min(100, max(_TITLE, lengths[len(lengths) * 19 // 20]))


def _closes(commits: Sequence[Told]) -> str:
    found = (match for one in commits for match in CLOSES.finditer(one.body))
    return _usual(f"{match[1]}{match[2]} #{{}}{match[3]}" for match in found) or "Fixes #{}"


def _width(commits: Sequence[Told]) -> int | None:
    lines = [len(line) for one in commits for line in one.body.split("\n") if _is_prose(line)]
    if len(lines) < FEWEST:
        return 72
    lines.sort()
    if lines[len(lines) * 9 // 10] > _WIDEST:
        return None
    return min(80, max(60, lines[len(lines) * 19 // 20]))


def _is_prose(line: str) -> bool:
    return line.count(" ") > 4 and not _TRAILER.match(line) and "://" not in line
