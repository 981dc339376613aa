"""What is known of how a project is built, before anything is tried."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """How a project of one language is installed and tested."""

    profile: str
    """Name of the language's profile."""
    setup: tuple[str, ...] = ()
    """Shell lines, in the project's folder."""
    test: str | None = None
    """Shell line that runs test files; `{tests}` stands for their paths. None: there are no tests."""
    python: bool = False
    """Whether a virtual environment comes first: also what toolchains from the Python index go into."""
    python_versions: tuple[str, ...] = ()
    """Versions of Python that it allows, such as `3.9`, the best first. Empty: any."""
    needs: tuple[str, ...] = ()
    """Toolchains that must be there: a profile's by its name, such as `java`, or `maven` and `gradle`."""
