"""A reader model reads what may matter: whole files, excerpts or, where they were read before, summaries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio

from swe_scale.context.asking import Asker
from swe_scale.context.layout import Given, Later, Layout, Plan
from swe_scale.context.replies import Judgement, one_line, read_judgement, read_numbers
from swe_scale.records import digest
from swe_scale.store import Key

_NOTE = 600
"""Characters of the notes on all windows of a file."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader said of files, by number; absent are those that it didn't read."""

    judged: Mapping[int, Judgement]
    share: float
    """Tokens of what it was shown of files, in those of all code but tests."""
    skimmed: int = 0
    """Files of which it saw a line only."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads for one issue."""

    asker: Asker
    layout: Layout

    async def read(self) -> Reading:
        """Return what a reader says of the files that may matter.

        A repository that is new is read down to the share; of one that was read before, summaries are skimmed
        and only what they promise is read.

        Raises:
            EndpointRefused: the endpoint answers nothing at all.
            RepositoryError: the tree can't be read.
            StoreError: the record can't be written.
        """
        layout, skimmed = self.layout, 0
        plan = await self._plan()
        files = await layout.planned(plan)
        later = await anyio.to_thread.run_sync(layout.later, plan, files)
        if later is not None:
            skimmed = sum(len(group) for group, _ in later.skims)
            files = await layout.chosen(plan, files, later, await self._picked(later))
        judged = await self._judged(files)
        layout.keep({number: one.summary for number, one in judged.items()})
        seen = sum(file.tokens for number, file in files if number in judged)
        return Reading(judged, seen / layout.total if layout.total else 0.0, skimmed)

    async def _plan(self) -> Plan:
        """Return the plan that the first try made.

        By now summaries may be kept that it, or another issue, has brought: another plan would pay again.
        """
        layout = self.layout

        async def make() -> Plan:
            return await anyio.to_thread.run_sync(layout.plan)

        steps = layout.steps.model_dump_json(exclude={"rounds", "share"})
        inputs = digest(layout.tree.hash, layout.issue.model_dump_json(), layout.to.name, steps)
        key = Key(f"{self.asker.issue}/reader/plan", inputs)
        return await self.asker.ledger.steps.once(key, Plan, make)

    async def _picked(self, later: Later) -> list[int]:
        """Return the files that their summaries promise to matter, the most promising of each group first."""
        asked = [question for _, question in later.skims]
        replies = await self.asker.ask_all(asked, "lists of summaries skimmed")
        picked = [
            (place, turn, group[number - 1])
            for turn, (group, question) in enumerate(later.skims)
            for place, number in enumerate(
                read_numbers(replies.get(question.address, ""), "files", len(group))
            )
        ]
        return [number for _, _, number in sorted(picked)]

    async def _judged(self, files: Given) -> dict[int, Judgement]:
        questions = self.layout.questions
        asked = await anyio.to_thread.run_sync(
            lambda: {number: questions.of_file(number, file) for number, file in files}
        )
        replies = await self.asker.ask_all(
            [one for several in asked.values() for one in several], "files read"
        )
        judged = {
            number: merged(
                [read_judgement(replies[one.address]) for one in several if one.address in replies]
            )
            for number, several in asked.items()
        }
        return {number: one for number, one in judged.items() if one is not None}


def merged(parts: Sequence[Judgement | None]) -> Judgement | None:
    """Return what was said of all windows of a file; None where nothing was understood."""
    said = [one for one in parts if one is not None]
    if not said:
        return None
    notes = dict.fromkeys(one.note for one in said if one.relevant and one.note)
    return Judgement(
        relevant=any(one.relevant for one in said),
        note=one_line(" / ".join(notes), _NOTE),
        summary=next((one.summary for one in said if one.summary), ""),
    )
