"""How a Java project is built and tested: by Maven or Gradle, through the wrapper that it may bring."""

from dataclasses import replace

from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.profiles import find_tests, profiles

TOLD_BY: tuple[str, ...] = ("pom.xml", "build.gradle", "build.gradle.kts")
_MAVEN_WRAPPER = {"mvnw", ".mvn/wrapper/maven-wrapper.properties"}


def plan(project: Project) -> Plan | None:
    """Return how the project is built and tested; None where neither Maven nor Gradle is used."""
    if "pom.xml" in project.paths:
        made = _maven(wrapped={*project.paths} >= _MAVEN_WRAPPER)
    elif any(path.startswith(("build.gradle", "settings.gradle")) for path in project.paths):
        made = _gradle(wrapped="gradlew" in project.paths)
    else:
        return None
    return made if find_tests(project.paths) else replace(made, test=None)


def _maven(*, wrapped: bool) -> Plan:
    maven = "./mvnw" if wrapped else "mvn"
    chmod = "chmod +x mvnw && " if wrapped else ""
    # Only running a test brings Surefire's provider; one that fails is no fault of the set-up.
    setup = (
        f"{chmod}{maven} -B -q -DskipTests test-compile",
        f"{maven} -B -q -fae -Dmaven.test.failure.ignore=true test",
    )
    runner = next(profile.runners["maven"] for profile in profiles() if profile.name == "java")
    line = runner.command.replace("mvn -o ", f"{maven} -o ")
    return Plan(profile="java", setup=setup, test=line, needs=_needs("maven", wrapped=wrapped))


def _gradle(*, wrapped: bool) -> Plan:
    gradle = "./gradlew" if wrapped else "gradle"
    chmod = "chmod +x gradlew && " if wrapped else ""
    setup = (f"{chmod}{gradle} --no-daemon --continue test || {gradle} --no-daemon testClasses",)
    line = f"{gradle} --offline --no-daemon --continue test {{tests}}"
    return Plan(profile="java", setup=setup, test=line, needs=_needs("gradle", wrapped=wrapped))


def _needs(program: str, *, wrapped: bool) -> tuple[str, ...]:
    return ("java",) if wrapped else ("java", program)
