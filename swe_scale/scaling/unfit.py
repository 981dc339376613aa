"""Says where a record doesn't identify a law of coverage, so that none is fitted."""

from collections.abc import Sequence

LEAST_ISSUES = 20
"""Below which a distribution of difficulty can't be told."""
LEAST_SAMPLES = 3
"""Below which hopeless issues and hard ones look alike whatever their number."""
_LEAST_MIXED = 5
"""Issues with right and wrong samples: they alone say how difficulty is distributed in between."""


def unfit(samples: Sequence[int], right: Sequence[int]) -> str:
    """Return why no law of coverage can be fitted; nothing where one can.

    Args:
        samples: of each issue.
        right: of these.
    """
    issues, drawn, good = len(samples), sum(samples), sum(right)
    mixed = sum(0 < one < count for one, count in zip(right, samples, strict=True))
    enough = sum(count >= LEAST_SAMPLES for count in samples)
    if issues < LEAST_ISSUES:
        return f"{issues} graded {'issue' if issues == 1 else 'issues'}: at least {LEAST_ISSUES} are needed"
    if 2 * enough < issues:
        return f"most issues have fewer than {LEAST_SAMPLES} samples: hopeless and hard ones look alike"
    if not good:
        return "no sample is right: how rare right ones are can't be told"
    if good == drawn:
        return "every sample is right: there is nothing left to cover"
    if mixed < _LEAST_MIXED:
        return (
            f"{mixed} {'issue has' if mixed == 1 else 'issues have'} both right and wrong samples: at least "
            f"{_LEAST_MIXED} are needed to tell hard issues from hopeless ones"
        )
    return ""
