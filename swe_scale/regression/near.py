"""Picks the repository's own tests that are likely to notice a change, knowing nothing but the base tree."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from swe_scale.profiles import find_tests, is_test, profiles
from swe_scale.regression.imports import names_defined, names_exported, names_used
from swe_scale.repo import Repository

FILES = 12
"""Test files that are run per candidate, by default."""

_LARGEST = 1 << 20
"""Bytes of a file that is looked at."""
_SAFE = re.compile(r"[\w.][\w./ +=,-]*")
"""Paths that no shell or runner takes for anything but a path."""
_USES, _USES_EXPORT, _NAMED, _CHANGED, _NAMED_LONGER, _FOLDER, _BESIDE = 8, 6, 5, 4, 3, 2, 1


@dataclass(frozen=True, slots=True)
class _Target:
    """A changed file, by all that a test could know it by."""

    folder: tuple[str, ...]
    """Its folders, below the source root."""
    stem: str
    modules: frozenset[str]
    exports: frozenset[str]
    """Dotted names under which packages above it pass on what it defines."""


def near(changed: Sequence[str], texts: Mapping[str, str], limit: int = FILES) -> tuple[str, ...]:
    """Return the test files nearest to the changed files, best first, at most `limit`.

    A test is near if it uses the changed module, or a name that a package above it passes on, if
    it is named after it, lies in a folder named after it, or is one of its package's tests.

    Args:
        changed: paths of changed files, of all candidates together.
        texts: base content of the test files, of the changed files and of the packages above them.
        limit: most files returned.
    """
    targets = [_target(path, texts) for path in sorted(set(changed)) if not is_test(path)]
    scores: dict[str, tuple[int, int]] = {}
    for test in filter(_SAFE.fullmatch, find_tests(texts)):
        used = _used(test, texts[test], targets)
        score = sum(_score(test, used, target) for target in targets) + _CHANGED * (test in changed)
        if score:
            scores[test] = (score, max((_shared(test, target) for target in targets), default=0))
    return tuple(sorted(scores, key=lambda test: (*(-part for part in scores[test]), test))[:limit])


async def find_near(
    repository: Repository, tree: str, changed: Sequence[str], limit: int = FILES
) -> tuple[str, ...]:
    """Return `near` for a tree of a repository.

    Raises:
        RepositoryError: the tree can't be read.
    """
    paths = {entry.path for entry in await repository.files(tree)}
    above = {str(parent / "__init__.py") for path in changed for parent in PurePosixPath(path).parents}
    wanted = sorted(paths & {*find_tests(paths), *changed, *above})
    read = await repository.read(tree, wanted, _LARGEST)
    return near(changed, {path: data.decode("utf-8", "replace") for path, data in read.items()}, limit)


def _target(path: str, texts: Mapping[str, str]) -> _Target:
    module = PurePosixPath(path).with_suffix("")
    inner = module.parent if module.name == "__init__" else module
    modules = frozenset(".".join(parts) for parts in _below_roots(inner.parts) if parts)
    public = names_defined(texts.get(path, ""))
    exports: set[str] = set()
    for parent in PurePosixPath(path).parents:
        init = str(parent / "__init__.py")
        names = names_exported(init, texts[init], modules, public) if init in texts else ()
        exports |= {".".join((*parts, name)) for parts in _below_roots(parent.parts) for name in names}
    folder = min(_below_roots(module.parent.parts), key=len)
    return _Target(folder, inner.name.strip("_"), modules, frozenset(exports))


def _below_roots(parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    roots = {root for profile in profiles() for root in profile.source_roots}
    return [parts, parts[1:]] if parts[:1] and parts[0] in roots else [parts]


def _used(test: str, text: str, targets: Iterable[_Target]) -> frozenset[str]:
    # Most tests of a large repository name none of it: a search is far cheaper than a syntax tree.
    words = {name.rpartition(".")[2] for target in targets for name in target.modules | target.exports}
    return names_used(test, text) if any(word in text for word in words) else frozenset()


def _score(test: str, used: frozenset[str], target: _Target) -> int:
    path = PurePosixPath(test)
    stem = path.stem.removeprefix("test_").removesuffix("_test")
    names = {target.stem, "_".join((*target.folder[-1:], target.stem))}
    score = _USES * bool(used & target.modules) + _USES_EXPORT * bool(used & target.exports)
    if stem in names:
        score += _NAMED
    elif any(stem.startswith(f"{name}_") or stem.endswith(f"_{name}") for name in names):
        score += _NAMED_LONGER
    owner = _owner(test)
    score += _FOLDER * (target.stem in owner)
    return score + _BESIDE * (owner == target.folder[len(target.folder) - len(owner) :])


def _owner(test: str) -> tuple[str, ...]:
    # The folders that say whose tests these are: `pkg/sub/tests/x` and `tests/sub/x` are both of `sub`.
    (longest, *_) = sorted(_below_roots(PurePosixPath(test).parent.parts), key=len)
    named = {name for profile in profiles() for name in (*profile.test_folders, *profile.root_test_folders)}
    return tuple(part for part in longest if part not in named)


def _shared(test: str, target: _Target) -> int:
    owner = _owner(test)
    return len(set(owner) & {*target.folder, target.stem})
