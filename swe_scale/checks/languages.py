"""In which languages the checks of a project may be written."""

from swe_scale.profiles import check_languages


def spoken(profile: str | None) -> tuple[str, ...]:
    """Return the languages that a project's checks may be in, the one first that is meant if none is named.

    That is the project's own where a check can be run in it, and shell; Python where nothing is known.

    Args:
        profile: name of the project's language profile.
    """
    if profile in (None, "python"):
        return "python", "sh"
    return (profile, "sh") if profile in check_languages() else ("sh", "python")
