"""Asks what is known of each language how a project is installed and tested, the likeliest first."""

from collections.abc import Callable, Mapping

from swe_scale.environment import go, java, native, node, python, ruby, rust
from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.profiles import recognised

_PLANS: Mapping[str, Callable[[Project], Plan | None]] = {
    "go": go.plan,
    "java": java.plan,
    "native": native.plan,
    "node": node.plan,
    "python": python.plan,
    "ruby": ruby.plan,
    "rust": rust.plan,
}
TOLD_BY: tuple[str, ...] = tuple(
    pattern for language in (python, node, native, go, java, ruby, rust) for pattern in language.TOLD_BY
)
"""Patterns for the paths of the files that tell of them."""


def plan_of(project: Project, language: str | None = None) -> Plan | None:
    """Return how a project is installed and tested; None where nothing is known of its kind.

    Of several languages, the likeliest of those that have tests counts.

    Args:
        project: of the folder in question.
        language: name of the profile that counts. None: as recognised.
    """
    names = [language] if language else [profile.name for profile in recognised(project.paths)]
    plans = [plan for name in names if name in _PLANS and (plan := _PLANS[name](project)) is not None]
    return next((plan for plan in plans if plan.test is not None), plans[0] if plans else None)
