"""How a Java project is built and tested: by Maven, or by Gradle through the wrapper that it brings."""

from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.profiles import Runner, find_tests, profiles

TOLD_BY: tuple[str, ...] = ("pom.xml", "build.gradle", "build.gradle.kts")
_MAVEN = "mvn -B -q"


def plan(project: Project) -> Plan | None:
    """Return how the project is built and tested; None where neither Maven nor Gradle is used."""
    tests = bool(find_tests(project.paths))
    if "pom.xml" in project.paths:
        # Only running a test brings Surefire's provider; one that fails is no fault of the set-up.
        setup: tuple[str, ...] = (
            f"{_MAVEN} -DskipTests test-compile",
            f"{_MAVEN} -fae -Dmaven.test.failure.ignore=true test",
        )
        line = _runner("maven").command
    elif any(path.startswith(("build.gradle", "settings.gradle")) for path in project.paths):
        gradle = "./gradlew" if "gradlew" in project.paths else "gradle"
        chmod = "chmod +x gradlew && " if gradle == "./gradlew" else ""
        setup = (f"{chmod}{gradle} --no-daemon --continue test || {gradle} --no-daemon testClasses",)
        line = f"{gradle} --offline --no-daemon --continue test {{tests}}"
    else:
        return None
    return Plan(profile="java", setup=setup, test=line if tests else None, needs=("java",))


def _runner(name: str) -> Runner:
    return next(profile.runners[name] for profile in profiles() if profile.name == "java")
