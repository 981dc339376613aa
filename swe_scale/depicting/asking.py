"""Has a model that can see say what an issue's images show, once each, before anything else is done."""

from dataclasses import dataclass

from swe_scale.depicting.fetching import Unfetched, fetched
from swe_scale.errors import BudgetExceeded, ModelError
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.prompts import render
from swe_scale.readable import readable
from swe_scale.records import Issue, Message, Record, Request, Sampling, digest
from swe_scale.store import Key
from swe_scale.trajectory.shortened import shortened

MOST_IMAGES = 6
"""Of an issue; the first ones."""
_SAID = 3_000
"""Bytes that are kept of what is said of one."""


class _Seen(Record):
    """What an image shows."""

    text: str


@dataclass(frozen=True, slots=True)
class Eye:
    """Who looks, and who pays."""

    model: Model
    sampling: Sampling
    ledger: Ledger
    events: Events


async def depicted(issue: Issue, model: Model, sampling: Sampling, ledger: Ledger, events: Events) -> Issue:
    """Return the issue with a comment for each of its images that says what it shows.

    An image that can't be had is left out, and a note says why.

    Args:
        issue: whose `images` are addresses.
        model: that can see.
        sampling: how its replies are drawn.
        ledger: of the issue.
        events: where it is reported.

    Raises:
        StoreError: the record can't be written.
    """
    eye = Eye(model, sampling, ledger, events)
    said: list[str] = []
    for number, address in enumerate(issue.images[:MOST_IMAGES], start=1):
        step = f"{issue.id}/images/{number:02}"
        try:
            text = await _seen(eye, issue, address, step)
        except Unfetched as error:
            events.emit("note", f"the image {address[:200]} is left out: {error}", step)
            continue
        except (ModelError, BudgetExceeded) as error:
            why = " ".join(str(error).split())[:300]
            events.emit("note", f"the images of the issue are left out from here on: {why}", step)
            break
        said.append(f"[what the image {address} shows, in the words of a model]\n{text}")
    return issue.model_copy(update={"comments": (*issue.comments, *said)}) if said else issue


def question(issue: Issue) -> str:
    """Return what is asked of each image."""
    return render("image", title=issue.title)


async def _seen(eye: Eye, issue: Issue, address: str, step: str) -> str:
    """Return what an image shows, looked at now or before this run was interrupted."""
    asked = question(issue)
    key = Key(f"{step}/seen", digest(address, asked, eye.model.name, eye.sampling.model_dump_json()))

    async def make() -> _Seen:
        picture = await fetched(address, issue.repo)
        request = Request(
            step=step,
            model=eye.model.name,
            messages=(Message(role="user", content=asked, pictures=(picture,)),),
            sampling=eye.sampling,
        )
        reply = await eye.ledger.ask(request, lambda: eye.model.complete(request))
        return _Seen(text=shortened(readable(reply.text).strip(), _SAID))

    return (await eye.ledger.steps.once(key, _Seen, make)).text
