"""Finds a context in a process of its own (SOURCE KEPT COMMIT) and tells what that took."""

import json
import resource
import sys
from functools import partial
from pathlib import Path

import anyio

from swe_scale.config import ContextSteps
from swe_scale.context import Wish, find_context
from swe_scale.events import Event, Events
from swe_scale.records import Context, Issue
from swe_scale.repo import Repository


async def find(notes: list[str], source: str, kept: str, commit: str) -> Context:
    def note(event: Event) -> None:
        notes.append(event.text)

    issue = Issue(
        id="i",
        repo=source,
        base_commit=commit,
        title="`load_account_0` fails",
        body="It returns the default.",
    )
    repository = await Repository.open(source, Path(kept))
    wish = Wish(issue, await repository.resolve(commit), 8_000, ContextSteps())
    return await find_context(wish, repository, Events([note]))


def own_peak() -> float:
    """Return the megabytes that this program took at its peak.

    `getrusage` also counts what the process that started this one took.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    said: list[str] = []
    context = anyio.run(partial(find, said, *sys.argv[1:]))
    # Workers and git have ended: of all of them together, the largest.
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    found = {"best": context.files[0].path, "considered": context.considered, "tokens": context.tokens}
    print(json.dumps({**found, "notes": said, "own": own_peak(), "largest_child": children}))
