"""Cuts what is too long for a prompt in its middle, so that a pasted log doesn't crowd out the rest."""

import re
from collections.abc import Sequence

from swe_scale.records import Issue

_BYTES_PER_TOKEN = 3
"""The estimate by which the context's files are counted, too."""
_TITLE = 8
"""A title may take one part in so many."""
_AROUND_COMMENT = 32
"""Bytes that tell a comment from the next."""
_STRANGER = re.compile(r"\[(?:CONTRIBUTOR|FIRST_TIMER|FIRST_TIME_CONTRIBUTOR|MANNEQUIN|NONE)\]\n")
"""First line of a comment by somebody who may not write to the repository, and neither opened the issue nor
asks for it. What else is told as a comment, such as a patch that is to be revised, has another."""
_LEAST = 200
"""Bytes of a cut comment below which it is left out."""


def shortened(text: str, most: int) -> str:
    """Return a text's head and tail, `most` UTF-8 bytes together, with a line between them that says so."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most:
        return text
    half = max(most, 0) // 2
    head = raw[:half].decode("utf-8", "ignore")
    tail = raw[len(raw) - half :].decode("utf-8", "ignore")
    return f"{head}\n… {len(text) - len(head) - len(tail):,} characters left out …\n{tail}"


def fitted(issue: Issue, tokens: int) -> Issue:
    """Return an issue whose text has so many estimated tokens, beside the lines that say what is left out.

    Title and body keep head and tail. The body has half of the room at least, and what the comments don't
    need; of these, those by strangers come last, and otherwise the newest first.
    """
    room = _BYTES_PER_TOKEN * tokens
    needed = sum(map(_room_of, issue.comments))
    if _size(issue.title) + _size(issue.body) + needed <= room:
        return issue
    for_title = min(_size(issue.title), room // _TITLE)
    room -= for_title
    for_body = min(_size(issue.body), max(room // 2, room - needed))
    return issue.model_copy(
        update={
            "title": shortened(issue.title, for_title),
            "body": shortened(issue.body, for_body),
            "comments": _weightiest(issue.comments, room - for_body),
        }
    )


def _weightiest(comments: Sequence[str], room: int) -> tuple[str, ...]:
    """Return the comments that fit, in their order: the newest, before any of strangers."""
    order = sorted(range(len(comments)), key=lambda at: (bool(_STRANGER.match(comments[at])), -at))
    kept: dict[int, str] = {}
    for at in order:
        if _room_of(comments[at]) > room:
            if room - _AROUND_COMMENT >= _LEAST:
                kept[at] = shortened(comments[at], room - _AROUND_COMMENT)
            break
        kept[at] = comments[at]
        room -= _room_of(comments[at])
    left_out = len(comments) - len(kept)
    told = f"… {left_out:,} {'comment' if left_out == 1 else 'comments'} left out …"
    return (*((told,) if left_out else ()), *(kept[at] for at in sorted(kept)))


def _room_of(comment: str) -> int:
    return _size(comment) + _AROUND_COMMENT


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
