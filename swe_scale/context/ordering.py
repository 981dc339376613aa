"""A model puts the files that a reader found relevant in order, several times; the orders are merged."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swe_scale.context.asking import Asker
from swe_scale.context.questions import Questions
from swe_scale.context.replies import Judgement, read_numbers

_DAMPING = 10
"""Of reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009), for lists as short as these."""
_OWN_VOTE = 0.5
"""What the order that was found without a model counts beside one of a model's."""


@dataclass(frozen=True, slots=True)
class Orderer:
    """Asks one model."""

    asker: Asker
    questions: Questions

    async def order(self, order: Sequence[int], judged: Mapping[int, Judgement], rounds: int) -> list[int]:
        """Return all files anew: those that are relevant first, as the model orders them.

        Args:
            order: numbers of files, best first, as found without a model.
            judged: what a reader said of files, by number.
            rounds: replies that are asked for; each is shown the files in another order. 0: none.

        Raises:
            EndpointRefused: the endpoint answers nothing at all.
            StoreError: the record can't be written.
        """
        relevant = [number for number in order if number in judged and judged[number].relevant]
        listed = self.questions.orderable(relevant, judged)
        shown = [_shuffled(listed, turn, rounds) for turn in range(1, rounds + 1)] if len(listed) > 1 else []
        asked = [self.questions.to_order(files, judged, turn) for turn, files in enumerate(shown, 1)]
        replies = await self.asker.ask_all(asked, "orders")
        orders = [
            [
                files[number - 1]
                for number in read_numbers(replies.get(question.address, ""), "order", len(files))
            ]
            for question, files in zip(asked, shown, strict=True)
        ]
        first = merged(listed, orders)
        return list(dict.fromkeys([*first, *relevant, *order]))


def _shuffled(files: Sequence[int], turn: int, rounds: int) -> list[int]:
    """Return files in an order of chance, always the same one, that begins elsewhere each turn."""
    # Models favour what stands first.
    mixed = random.Random(len(files)).sample(sorted(files), len(files))  # noqa: S311
    first = (turn - 1) * len(mixed) // rounds
    return mixed[first:] + mixed[:first]


def merged(files: Sequence[int], orders: Sequence[Sequence[int]]) -> list[int]:
    """Return files by the sum of what each order gives them, 1 / (damping + place); ties as they stand.

    Args:
        files: in the order that was found without a model, which has a vote, too.
        orders: of models; each may leave files out, which get nothing of it.
    """
    score = {number: _OWN_VOTE / (_DAMPING + place) for place, number in enumerate(files, 1)}
    for order in orders:
        for place, number in enumerate(order, 1):
            score[number] += 1 / (_DAMPING + place)
    return sorted(files, key=lambda number: -score[number])
