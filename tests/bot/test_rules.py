"""Which patches are refused whoever made them."""

import pytest

from swe_scale.bot.rules import Objection, lifted_only, objections
from swe_scale.records import File


def plain(data: bytes = b"x\n", mode: str = "100644") -> File:
    return File.model_validate({"mode": mode, "data": data})


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml", ".github/CODEOWNERS", ".github/actions/x/index.js",
        ".GitHub/workflows/a.yml",
        "sub/.github/x", ".gitlab-ci.yml", ".gitlab/ci/a.yml", ".circleci/config.yml", ".travis.yml",
        "azure-pipelines.yml", "Jenkinsfile", "ci/Jenkinsfile.release", ".pre-commit-config.yaml",
        "action.yml",
        "tools/action.yaml", "CODEOWNERS", "docs/CODEOWNERS", ".husky/pre-commit",
        ".devcontainer/devcontainer.json",
        ".vscode/tasks.json", ".envrc", ".gitattributes", "a/.gitattributes", ".gitmodules", "renovate.json",
        "gradle/wrapper/gradle-wrapper.jar", ".yarn/releases/yarn-4.cjs", "package-lock.json",
        "web/yarn.lock",
        "pnpm-lock.yaml", "uv.lock", "poetry.lock", "requirements-dev.lock", "Cargo.lock", "go.sum",
        "Gemfile.lock",
        "pylock.toml", ".npmrc", "web/.yarnrc.yml", ".claude/settings.json", ".mcp.json",
        ".github/workflows/a\nb.yml", "a\nb/.github/workflows/c.yml", "a\nb/uv.lock",
        "flake.lock", "bun.lock", ".forgejo/workflows/a.yml", "buildspec.yml",
    ],
)  # fmt: skip
def test_what_runs_on_other_machines_needs_a_word(path: str) -> None:
    found = objections({path: plain()}, {path: plain(b"y\n")})
    assert [one.path for one in found] == [path]
    assert lifted_only(found)
    assert objections({path: plain()}, {path: None})


@pytest.mark.parametrize(
    "path",
    [
        "src/github/actions.py", "github/workflows/a.yml", "locks.py", "yarn.lock.md",
        "docs/Jenkinsfile_notes.md",
        "src/action.py", "package.json", "pyproject.toml", "requirements.txt", "Makefile", "setup.py",
        "uv.lock/x.py",
        "app/models.py", ".gitignore",
    ],
)  # fmt: skip
def test_other_files_need_none(path: str) -> None:
    assert objections({path: plain()}, {path: plain(b"y\n")}) == ()
    assert objections({}, {path: plain()}) == ()


def test_links_and_binaries_are_refused_for_good() -> None:
    link = objections({}, {"a": plain(b"b", "120000")})
    assert link == (Objection("a", "it becomes a symbolic link"),)
    assert not lifted_only(link)
    assert objections({"a": plain(b"b", "120000")}, {"a": plain(b"c", "120000")}) == ()
    assert "binary" in objections({"a": plain()}, {"a": plain(b"\0")})[0].reason
    assert objections({"a": plain(b"\0")}, {"a": plain(b"\0", "100755")}) == ()


def test_large_patches_are_refused() -> None:
    many = objections({}, {f"f{number}.py": plain() for number in range(101)})
    assert [one.reason for one in many] == ["it changes 101 files, more than 100"]
    big = objections({}, {"a": plain(b"x" * (3 << 20))})
    assert [one.reason for one in big] == ["it adds 3 MiB, more than 2"]
    assert objections({"a": plain(b"x" * (3 << 20))}, {"a": plain(b"y" * (3 << 20))}) == ()
    assert objections({"a": plain(b"x" * (3 << 20))}, {"a": None}) == ()
