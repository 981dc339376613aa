"""How a Rust package is built and tested, by the Cargo that the place has."""

from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project

TOLD_BY: tuple[str, ...] = ("Cargo.toml",)


def plan(project: Project) -> Plan | None:
    """Return how the package is built and tested; None where there is no Cargo.toml at its root."""
    if "Cargo.toml" not in project.paths:
        return None
    locked = " --locked" if "Cargo.lock" in project.paths else ""
    return Plan(
        profile="rust",
        # Cells have no network, and compile again only what a candidate changes.
        setup=(f"cargo fetch{locked} || cargo fetch", "cargo test --offline --no-run"),
        test="cargo test --offline {tests}",
        needs=("rust",),
    )
