"""Asks for the words of a change, once it is known which patch is proposed: what it does, and why."""

import json
from collections.abc import Mapping
from typing import Any

from swe_scale.context.replies import one_line
from swe_scale.errors import BudgetExceeded, ModelError
from swe_scale.prompts import fenced, render
from swe_scale.records import Request, Sampling, Words
from swe_scale.trajectory import Setting
from swe_scale.trajectory.shortened import shortened

SUMMARY, PARAGRAPH = 72, 1_500
"""Characters that are asked for; and that are kept."""
PATCH = 24_000
"""Bytes of the patch that are shown, at most."""
_KEPT = 120
"""Characters of a summary that are kept: the project may allow fewer."""
_LONGEST = 20_000
"""Characters of a reply that are looked at."""
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"summary": {"type": "string"}, "paragraph": {"type": "string"}},
    "required": ["summary", "paragraph"],
    "additionalProperties": False,
}


async def worded(setting: Setting, sampling: Sampling, patch: str) -> tuple[Words | None, bool]:
    """Return the words of a patch, and whether a fault kept them away that may be gone at another time.

    Nothing that fails here takes the patch along: then its issue's title has to do.

    Args:
        setting: with the model that is asked.
        sampling: how its reply is drawn.
        patch: that is proposed.

    Raises:
        StoreError: the record can't be written.
    """
    issue, model = setting.issue.id, setting.model
    asked = render("words", patch=fenced(shortened(patch, PATCH), "diff"), longest=SUMMARY)
    request = Request(
        step=f"{issue}/words/01",
        model=model.name,
        messages=setting.opening(asked),
        sampling=sampling,
        reply_schema=_SCHEMA,
    )
    try:
        reply = await setting.ledger.ask(request, lambda: model.complete(request))
    except (ModelError, BudgetExceeded) as error:
        said = one_line(str(error), 300)
        setting.events.emit("note", f"the change is told by its issue's title: {said}", request.step)
        return None, isinstance(error, ModelError)
    found = words_of(reply.text)
    if found is None:
        told = "the change is told by its issue's title: the reply doesn't keep the form"
        setting.events.emit("note", told, request.step)
    return found, False


def words_of(reply: str) -> Words | None:
    """Return the words of a reply; None where it isn't one object of the form, but for words around it."""
    text = reply[:_LONGEST]
    try:
        found = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    summary = one_line(found.get("summary"), _KEPT)
    return Words(summary=summary, paragraph=one_line(found.get("paragraph"), PARAGRAPH)) if summary else None
