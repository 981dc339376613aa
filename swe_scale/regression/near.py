"""Picks the repository's own tests that are likely to notice a change, knowing nothing but the base tree."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import anyio

from swe_scale.patch import TEST_FOLDERS, is_test
from swe_scale.profiles import find_tests, profiles
from swe_scale.regression.imports import names_defined, names_exported, names_used
from swe_scale.regression.uses import uses
from swe_scale.regression.words import in_common
from swe_scale.repo import Repository

FILES = 12
"""Test files that are run per candidate, by default."""

_LARGEST = 1 << 20
"""Bytes of a file that is looked at."""
_PARSED = 8 << 20
"""Characters of tests whose syntax is looked at, those first that lie nearest."""
SAFE = re.compile(r"[\w.][\w./ +=,@()\[\]-]*")
"""Paths that no runner takes for anything but a path."""
_WORD = re.compile(r"\w+")
_TEST_MARK = re.compile(r"^tests?[_-]|^Test(?=[A-Z])|[._-](?:tests?|spec)$|(?<=[a-z0-9])(?:Tests?|Spec|IT)$")
_USES, _USES_EXPORT, _NAMED, _CHANGED, _NAMED_LONGER, _FOLDER, _BESIDE = 8, 6, 5, 4, 3, 2, 1


@dataclass(frozen=True, slots=True)
class _Target:
    """A changed file, by all that a test could know it by."""

    path: str
    folder: tuple[str, ...]
    """Its folders, below the source root."""
    stem: str
    modules: frozenset[str]
    exports: frozenset[str]
    """Dotted names under which packages above it pass on what it defines."""


def near(changed: Sequence[str], texts: Mapping[str, str], limit: int = FILES) -> tuple[str, ...]:
    """Return the test files nearest to the changed files, best first, at most `limit`.

    A test is near if it uses the changed module, or a name that a package above it passes on, if
    it is named after it, lies in a folder named after it, is one of its package's tests, or speaks of
    the same things in words that few tests have. Tests that lie in no package's folder come last,
    where there is nothing nearer or room for all of them.

    Args:
        changed: paths of changed files, of all candidates together.
        texts: base content of the test files, of the changed files and of the packages above them.
        limit: most files returned.
    """
    targets = [_target(path, texts) for path in sorted(set(changed)) if not is_test(path)]
    tests = [test for test in find_tests(texts) if SAFE.fullmatch(test)]
    placed = {test: float(sum(_by_path(test, target) for target in targets)) for test in tests}
    placed |= {test: placed[test] + _CHANGED for test in tests if test in changed}
    common = in_common(tests, [target.path for target in targets], texts)
    shared = {test: max((_shared(test, target) for target in targets), default=0) for test in tests}
    likely = sorted(tests, key=lambda test: (-placed[test] - common[test], -shared[test], test))
    used = _used(likely, texts, targets)
    score = {test: placed[test] + common[test] + used.get(test, 0) for test in tests}
    found = [test for test in tests if score[test]]
    flat = [test for test in tests if targets and not _owner(test) and not score[test]]
    if not found or len(found) + len(flat) <= limit:
        found += flat
    return tuple(sorted(found, key=lambda test: (-score[test], -shared[test], test))[:limit])


async def find_near(
    repository: Repository, tree: str, changed: Sequence[str], limit: int = FILES
) -> tuple[str, ...]:
    """Return `near` for a tree of a repository.

    Raises:
        RepositoryError: the tree can't be read.
    """
    texts = await read_texts(repository, tree, changed)
    return await anyio.to_thread.run_sync(near, changed, texts, limit)


async def read_texts(repository: Repository, tree: str, changed: Iterable[str]) -> dict[str, str]:
    """Return the content of a tree that `near` looks at.

    Raises:
        RepositoryError: the tree can't be read.
    """
    paths = {entry.path for entry in await repository.files(tree)}
    there = set(changed)
    above = {str(parent / "__init__.py") for path in there for parent in PurePosixPath(path).parents}
    wanted = sorted(paths & {*find_tests(paths), *there, *above})
    read = await repository.read(tree, wanted, _LARGEST)
    return {path: data.decode("utf-8", "replace") for path, data in read.items()}


def _target(path: str, texts: Mapping[str, str]) -> _Target:
    module = PurePosixPath(path).with_suffix("")
    inner = module.parent if module.name == "__init__" else module
    folder = min(_below_roots(module.parent.parts), key=len)
    if not path.endswith((".py", ".pyi", ".pyx")):
        return _Target(path, folder, inner.name, frozenset(), frozenset())
    modules = frozenset(".".join(parts) for parts in _below_roots(inner.parts) if parts)
    public = names_defined(texts.get(path, ""))
    exports: set[str] = set()
    for parent in PurePosixPath(path).parents:
        init = str(parent / "__init__.py")
        names = names_exported(init, texts[init], modules, public) if init in texts else ()
        exports |= {".".join((*parts, name)) for parts in _below_roots(parent.parts) for name in names}
    return _Target(path, folder, inner.name.strip("_"), modules, frozenset(exports))


def _below_roots(parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    roots = {root for profile in profiles() for root in profile.source_roots}
    return [parts, parts[1:]] if parts[:1] and parts[0] in roots else [parts]


def _used(tests: Sequence[str], texts: Mapping[str, str], targets: Sequence[_Target]) -> dict[str, int]:
    # Most tests of a large repository name none of it: a search is far cheaper than a syntax tree.
    last = {name.rpartition(".")[2] for target in targets for name in target.modules | target.exports}
    scores: dict[str, int] = {}
    left = _PARSED
    for test in tests:
        if left <= 0:
            break
        if not test.endswith(".py"):
            left -= len(texts[test])
            scores[test] = sum(_USES * uses(test, texts[test], target.path) for target in targets)
        elif not last.isdisjoint(_WORD.findall(texts[test])):
            left -= len(texts[test])
            used = names_used(test, texts[test])
            scores[test] = sum(_by_use(used, target) for target in targets)
    return scores


def _by_use(used: frozenset[str], target: _Target) -> int:
    return _USES * bool(used & target.modules) + _USES_EXPORT * bool(used & target.exports)


def _by_path(test: str, target: _Target) -> int:
    stem = _TEST_MARK.sub("", _TEST_MARK.sub("", PurePosixPath(test).stem))
    names = {target.stem, "_".join((*target.folder[-1:], target.stem))}
    score = 0
    if stem in names:
        score = _NAMED
    elif any(stem.startswith(f"{name}_") or stem.endswith(f"_{name}") for name in names):
        score = _NAMED_LONGER
    owner = _owner(test)
    score += _FOLDER * (target.stem in owner)
    return score + _BESIDE * bool(owner and owner == target.folder[len(target.folder) - len(owner) :])


def _owner(test: str) -> tuple[str, ...]:
    # The folders that say whose tests these are: `pkg/sub/tests/x` and `tests/sub/x` are both of `sub`.
    (longest, *_) = sorted(_below_roots(PurePosixPath(test).parent.parts), key=len)
    return tuple(part.removeprefix("test_") for part in longest if part.lower() not in TEST_FOLDERS)


def _shared(test: str, target: _Target) -> int:
    owner = _owner(test)
    return len(set(owner) & {*target.folder, target.stem})
