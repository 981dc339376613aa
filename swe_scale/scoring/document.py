"""The question that a verifier is asked, and what is believed of its answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from swe_scale.errors import ScoreError
from swe_scale.events import printable
from swe_scale.records import Candidate, Issue, Scores

LARGEST_QUESTION = 64 << 20
LARGEST_ANSWER = 4 << 20
"""Bytes."""
_QUOTED = 200
"""Characters of a verifier's own words that are shown."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Question:
    """An issue, and patches for it. Nothing says who made them: they are in the order of their hashes."""

    issue: Issue
    candidates: Sequence[Candidate]

    def written(self) -> bytes:
        """Return it as one JSON document, in ASCII.

        Raises:
            ScoreError: it is larger than any verifier should be asked to read.
        """
        issue = self.issue
        found = json.dumps(
            {
                "issue": {
                    "title": _text(issue.title),
                    "body": _text(issue.body),
                    "comments": [_text(one) for one in issue.comments],
                },
                "candidates": [
                    {"id": one.id, "patch": _text(one.patch)}
                    for one in sorted(self.candidates, key=lambda one: one.id)
                ],
            }
        ).encode()
        if len(found) > LARGEST_QUESTION:
            raise ScoreError(
                f"the candidates are {len(found) >> 20} MiB; up to {LARGEST_QUESTION >> 20} are scored"
            )
        return found


def _text(text: str) -> str:
    """Return the text with a sign in place of each byte that was none."""
    return text.encode("utf-8", "replace").decode()


def read_scores(answer: bytes, question: Question, by: str) -> Scores:
    """Return what a verifier's answer says of the candidates that there are.

    What isn't a finite number, or is said of a candidate that wasn't asked about, counts as not said, and
    the record says so.

    Args:
        answer: its bytes, `{"scores": {"ID": NUMBER, …}}`.
        question: that it answers.
        by: whose answer it is.

    Raises:
        ScoreError: it is no such document, or holds no score of any candidate.
    """
    told = _scores_of(answer)
    wanted = {one.id for one in question.candidates}
    values = {name: number for name in sorted(wanted) if (number := _number(told.get(name))) is not None}
    missing, unknown = sorted(wanted - values.keys()), sorted(told.keys() - wanted)
    faults = [
        *_fault(missing, f"no usable score for {len(missing)} of {len(wanted)} candidates"),
        *_fault(unknown, f"{len(unknown)} scores of what is no candidate"),
    ]
    if not values:
        raise ScoreError(f"its answer holds {'; '.join(faults) or 'no scores'}")
    return Scores(by=by, values=values, fault="; ".join(faults))


def _scores_of(answer: bytes) -> Mapping[str, Any]:
    if len(answer) > LARGEST_ANSWER:
        raise ScoreError(f"its answer is larger than {LARGEST_ANSWER >> 20} MiB")
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        said = quoted(answer) or "nothing"
        raise ScoreError(f'its answer is not JSON of the form {{"scores": {{"ID": 0.5}}}}: {said}') from None
    scores = found.get("scores") if isinstance(found, dict) else None
    if not isinstance(scores, dict):
        raise ScoreError(f'its answer is not of the form {{"scores": {{"ID": 0.5}}}}: {quoted(answer)}')
    return scores


def _number(value: object) -> float | None:
    """Return a finite number; None for anything else, such as true, "0.5", NaN, or what is too large."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if isfinite(found) else None


def _fault(names: Sequence[str], what: str) -> Sequence[str]:
    if not names:
        return ()
    told = ", ".join(quoted(name.encode("utf-8", "replace"))[:12] for name in names[:_NAMED])
    return (f"{what} ({told}{', …' if len(names) > _NAMED else ''})",)


def quoted(said: bytes) -> str:
    """Return a verifier's own words on one line, shortened, without what steers a terminal."""
    line = " ".join(printable(said[: 8 * _QUOTED].decode("utf-8", "replace")).split())
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"
