"""Knows which state of an agent's work was the best so far, by what its own check says of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from swe_scale.records import Outcome

PATIENCE = 2
"""States in a row that may be worse than the best one, the last of which is given up."""
_RANK: Mapping[Outcome, int] = {"pass": 2, "fail": 1}
"""A check that breaks, or doesn't end, says less than one that says: not yet."""


@dataclass(slots=True)
class Progress:
    """The states of one trajectory under the check that it has at present.

    After LATTS (arXiv 2509.20368), in which a verifier decides per step whether to go on or to go back.
    """

    best: str = ""
    """Tree of the best state so far; of equally good ones, the latest."""
    _check: str = ""
    _rank: int = -1
    _worse: int = 0

    def gone_wrong(self, check: str, tree: str, outcome: Outcome) -> bool:
        """Take a state into account; return whether it is better to go back to the best one.

        Args:
            check: id of the check. Under another one, earlier states say nothing.
            tree: the state.
            outcome: what the check says of it.
        """
        if check != self._check:
            self._check, self._rank = check, -1
        rank = _RANK.get(outcome, 0)
        if rank >= self._rank:
            self.best, self._rank, self._worse = tree, rank, 0
            return False
        self._worse = (self._worse + 1) % PATIENCE
        return self._worse == 0
