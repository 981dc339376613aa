"""What a selection begins with: patches and checks of any origin, without a word of who made them."""

from collections.abc import Mapping

from swe_scale.records import Check, Record, Sampling, Trajectory, Usage

STRATEGY = "given"
"""Stands for the strategy of whatever was made elsewhere."""


class GivenPatch(Record):
    """A tree that somebody proposes; who came to it is a number and nothing else."""

    tree: str
    """Git tree hash after applying the patch."""
    patch: str
    """Difference from the base commit, as git writes it."""
    sources: int = 1
    """How many brought it, each on their own."""


class Given(Record):
    """All that is given. In the order of its contents: names and places leave no trace."""

    patches: tuple[GivenPatch, ...] = ()
    """By tree."""
    checks: tuple[Check, ...] = ()
    """Scripts without an author, by id."""
    tests: tuple[str, ...] = ()
    """Patches that add tests; each is a check without an author."""
    left_out: Mapping[str, int] = {}
    """By reason, how many patches are not judged."""

    @property
    def sources(self) -> int:
        """How many patches are to be judged, equal ones counted each."""
        return sum(one.sources for one in self.patches)

    @property
    def told(self) -> str:
        """What there is to choose among, and how much was left out, in words."""
        sources, different = self.sources, len(self.patches)
        total = sources + sum(self.left_out.values())
        given = "1 patch is" if total == 1 else f"{total} patches are"
        judged = f"{sources} to be judged, {different} of them different"
        if different == 1:
            judged = f"{sources} to be judged, and nothing to be chosen among"
        left = [f"{number} {reason}" for reason, number in self.left_out.items()]
        return f"{given} given, {judged}" + (f"; left out: {', '.join(left)}" if left else "")

    def trajectories(self, first: int) -> tuple[Trajectory, ...]:
        """Return a trajectory that ended for each source of each patch.

        Args:
            first: index of the first one; they are numbered by the patches' contents.
        """
        every = (one for one in self.patches for _ in range(one.sources))
        return tuple(_ended(index, one) for index, one in enumerate(every, start=first))


def _ended(index: int, one: GivenPatch) -> Trajectory:
    return Trajectory(
        index=index,
        strategy=STRATEGY,
        model="",
        sampling=Sampling(temperature=None),
        turns=(),
        tree=one.tree,
        patch=one.patch,
        check=None,
        outcome="done",
        usage=Usage(),
    )
