"""Goes on as long as another wave is likely enough to put a right patch in the place of a wrong one."""

from dataclasses import dataclass

from swe_scale.policy.progress import Move, Progress
from swe_scale.policy.waves import Waves
from swe_scale.ranking import Evidence, believed
from swe_scale.ranking.latent import Prior

_NOTHING = Evidence((), {}, (), ())


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Start in waves, check after each, stop when the next one isn't worth what it costs.

    What a wave can bring is that the leader is wrong and one of the new trajectories is right. Both are
    probable by what the checks say and by how many are right so far: little is to be gained where the leader
    is surely right, and where most likely nobody will ever be. Issues in between get more (after the
    compute-optimal allocation of arXiv 2408.03314).
    """

    pilot: int = 3
    """Trajectories of the first wave."""
    wave: int = 2
    """Of each later one."""
    worth: float = 0.025
    """Probability of a gain, per trajectory, below which no more are started."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        return Waves(self.pilot, self.wave).next(progress, self._enough)

    def _enough(self, progress: Progress) -> str:
        """Return why no more is needed; nothing if it is."""
        more = min(self.wave, progress.planned - progress.started)
        if more <= 0:
            return ""
        belief = believed(progress.evidence or _NOTHING)
        gain = belief.worth_of(more, progress.checked, Prior())
        if gain >= self.worth * more:
            return ""
        best = float(belief.right.max(initial=0.0))
        return (
            f"the leader is right with probability {best:.2f}, no candidate with {belief.none:.2f}: {more} "
            f"more trajectories would put a right patch in its place with {gain:.3f}, less than is worth them"
        )
