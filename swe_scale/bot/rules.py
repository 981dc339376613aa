"""Which patches may be delivered: what would change how the project is built, tested or guarded may not.

They are held against the trees before and after, not against the text of a patch.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from swe_scale.records import Changes, File

_MOST_FILES = 100
_MOST_BYTES = 2 << 20
_AUTOMATION = re.compile(
    r"""
      (?:.*/)?\.(?:github|gitlab|forgejo|gitea|circleci|azure-pipelines|buildkite|woodpecker|teamcity|semaphore
        |husky|devcontainer|vscode|idea|cargo|mvn|config/nextest|claude|cursor|gemini|codex)/.*
    | (?:.*/)?\.(?:gitlab-ci|travis|appveyor|cirrus|drone|woodpecker|pre-commit-config|pre-commit-hooks
        |lefthook|readthedocs|codecov|lgtm|scrutinizer|hound|sonarcloud|mergify|goreleaser)\.(?:ya?ml|toml|star)
    | (?:.*/)?(?:azure-pipelines|bitbucket-pipelines|appveyor|cloudbuild|codecov|buildspec|wercker|shippable
        |lefthook|action|renovate|tekton|netlify|vercel|now|app)\.(?:ya?ml|toml|json|json5)
    | (?:.*/)?(?:Jenkinsfile|Earthfile|CODEOWNERS|\.envrc|\.renovaterc)(?:\..*)?
    | (?:.*/)?\.mcp\.json
    | (?:.*/)?\.git(?:attributes|modules)
    | (?:.*/)?(?:gradle/wrapper|\.yarn/(?:releases|plugins))/.*
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""What says which code runs on machines that hold keys, when somebody opens or pushes the project."""
_LOCKS = re.compile(
    r"""(?:.*/)?(?:
      package-lock\.json | npm-shrinkwrap\.json | yarn\.lock | pnpm-lock\.ya?ml | bun\.lockb? | deno\.lock
    | poetry\.lock | Pipfile\.lock | uv\.lock | pdm\.lock | pixi\.lock | conda-lock\.ya?ml
    | pylock(?:\..+)?\.toml
    | requirements[^/]*\.lock | Cargo\.lock | go\.sum | go\.work\.sum | Gemfile\.lock | composer\.lock
    | mix\.lock
    | pubspec\.lock | flake\.lock | Podfile\.lock | Package\.resolved | packages\.lock\.json
    | gradle\.lockfile | \.npmrc | \.yarnrc(?:\.ya?ml)? | \.pnpmfile\.c?js | pip\.conf | \.pypirc
    | paket\.lock | rebar\.lock | Cartfile\.resolved | \.terraform\.lock\.hcl | MODULE\.bazel\.lock
    )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""What says which foreign code is fetched, and from where."""


@dataclass(frozen=True, slots=True)
class Objection:
    """A reason not to deliver a patch."""

    path: str
    reason: str
    lifted: bool = False
    """Whether `--allow-workflows` lifts it."""


def objections(before: Mapping[str, File], changes: Changes) -> tuple[Objection, ...]:
    """Return what speaks against delivering a patch, whoever made it.

    Args:
        before: the files that it changes or deletes, as they are without it.
        changes: what it makes of them, and the files that it adds.
    """
    found = [one for path, file in sorted(changes.items()) for one in _of_file(path, before.get(path), file)]
    size = sum(len(file.data) - len(_data(before.get(path))) for path, file in changes.items() if file)
    if len(changes) > _MOST_FILES:
        found.append(Objection("", f"it changes {len(changes)} files, more than {_MOST_FILES}"))
    if size > _MOST_BYTES:
        found.append(Objection("", f"it adds {size >> 20} MiB, more than {_MOST_BYTES >> 20}"))
    return tuple(found)


def lifted_only(found: tuple[Objection, ...]) -> bool:
    """Return whether `--allow-workflows` is all that it takes."""
    return all(one.lifted for one in found)


def _of_file(path: str, old: File | None, new: File | None) -> Iterator[Objection]:
    if _AUTOMATION.fullmatch(path):
        yield Objection(path, "it says what runs on other machines, or who must look at a change", True)
    if _LOCKS.fullmatch(path):
        yield Objection(path, "it says which foreign code is fetched", True)
    if new is not None and new.mode == "120000" and (old is None or old.mode != "120000"):
        yield Objection(path, "it becomes a symbolic link")
    if new is not None and b"\0" in new.data and new.data != _data(old):
        yield Objection(path, "it is binary, so that nobody can read what it does")


def _data(file: File | None) -> bytes:
    return file.data if file is not None else b""
