"""Which of a runner's options say how tests are run, and not which: those are kept, each with its values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ALWAYS = (
    r"--no-.+|--(help|version|debug|harmony|expose|trace|allow|enable|disable|inspect|experimental)([-_].+|-brk)?"
    r"|--(throw-deprecation|preserve-symlinks(-main)?|frozen-intrinsics|abort-on-uncaught-exception|pending-.+)"
)
"""Options without a value that Node itself has, whatever it runs."""
_ALWAYS_VALUED = (
    r"--(experimental-(loader|config-file|default-type|specifier-resolution)|trace-event-.+|trace-require-module"
    r"|disable-warning|disable-proto|inspect-port)"
)
_DROPPED = (
    r"--?(watch|w|watchAll|coverage|coverage[.A-Z].*|cov|reporters?|json|outputFile|silent|verbose|colors?"
    r"|bail|b|open|run|passWithNoTests|shard)"
)
"""What watches, reports, measures or ends early: it would stand in the way of the report that is read."""


@dataclass(frozen=True, slots=True)
class _Options:
    """What is known of a runner's options. Regular expressions, of the whole word."""

    dropped: str = "-"
    """Beside those of all: what says which tests, or what is done beside running them."""
    plain: str = "-"
    """Long ones without a value. Any other may have one."""
    valued: str = "-"
    """Short ones with a value. Any other has none."""
    several: str = "-"
    """Those that take all words up to the next option."""


_NODE = _Options(
    dropped=r"--test-(reporter|reporter-destination|coverage.*|name-pattern|skip-pattern|shard|only)"
    r"|--experimental-test-coverage|--test-update-snapshots",
    plain=r"--(test|test-force-exit|permission|strict|check|interactive|insecure.*|use-.*|report-on-.*"
    r"|verify.*|zero-fill-buffers|force-.*|prof|cpu-prof|heap-prof|track-heap-objects)",
    valued="-[rC]",
)
_JEST = _Options(
    dropped=r"-[tuof]|--(testNamePattern|updateSnapshot|onlyChanged|onlyFailures|changedSince|lastCommit"
    r"|changedFilesWithAncestor|findRelatedTests|testPathPatterns?|listTests|showConfig|clearCache|notify"
    r"|notifyMode|collectCoverage.*|filter)",
    plain=r"--(all|automock|cache|ci|clearMocks|detectLeaks|detectOpenHandles|errorOnDeprecated|expand"
    r"|forceExit|injectGlobals|logHeapUsage|noStackTrace|randomize|resetMocks|resetModules|restoreMocks"
    r"|runInBand|runTestsByPath|showSeed|skipFilter|testLocationInResults|useStderr|watchman|workerThreads"
    r"|waitForUnhandledRejections|debug|haste)",
    valued="-c",
    several=r"--(coverage.*|collectCoverageFrom|forceCoverageMatch|module(Directories|FileExtensions|Paths)"
    r"|modulePathIgnorePatterns|projects|reporters|roots|selectProjects|ignoreProjects|setupFiles.*"
    r"|snapshotSerializers|testMatch|testPathIgnorePatterns|testRegex|transformIgnorePatterns"
    r"|unmockedModulePathPatterns|watchPathIgnorePatterns|extensionsToTreatAsEsm)",
)
_OTHERS: Mapping[str, _Options] = {
    "vitest": _Options(
        dropped=r"-[tu]|--(testNamePattern|update|ui|changed|standalone|clearCache|mergeReports|listTags)",
        plain=r"--(globals|dom|isolate|fileParallelism|file-parallelism|hideSkippedTests|logHeapUsage|allowOnly"
        r"|dangerouslyIgnoreUnhandledErrors|expandSnapshotDiff|disableConsoleIntercept|printConsoleTrace"
        r"|typecheck|typecheck\.(enabled|only)|threads|single-?[tT]hread|segfaultRetry|cache|browser\.headless"
        r"|browser\.enabled|clearMocks|mockReset|restoreMocks|includeTaskLocation|poolOptions\..*(single(Thread|Fork)|isolate|[aA]tomics))",
        valued="-[rc]",
    ),
    "mocha": _Options(
        dropped=r"-[gfiROG]|--(grep|fgrep|invert|spec|reporter-options?|growl|watch-files|watch-ignore"
        r"|list-.*|dry-run)",
        plain=r"--(allow-uncaught|async-only|asyncOnly|check-leaks|checkLeaks|leaks|delay|diff|exit|fail-zero"
        r"|forbid-only|forbidOnly|forbid-pending|forbidPending|full-trace|fullTrace|inline-diffs|parallel"
        r"|pass-on-failing-test-suite|posix-exit-codes|recursive|sort|es-staging|prof|gc(-global)?)",
        valued="-[rtusjn]",
    ),
    "ava": _Options(
        dropped=r"-[mtuv]|--(match|tap|update-snapshots)",
        plain=r"--(fail-fast|serial)",
        valued="-[cT]",
    ),
    "tap": _Options(
        dropped=r"-[gRoS]|--(grep|reporter-(file|args?)|output-(file|dir)|snapshot|only|changed|save|cov.*"
        r"|\d+|show-.*|.*-coverage|.*-full-coverage|branches|functions|lines|statements|coverage-.*)",
        plain=r"--(ts|jsx|esm|flow|typecheck|comments|diagnostic|timeouts|fail-?fast|jobs-auto)",
        valued="-[jtr]",
    ),
    "tape": _Options(dropped="--only", plain="--strict", valued="-[ri]"),
    "jasmine": _Options(dropped="--filter", plain=r"--(fail-fast|stop-on-failure|random)"),
}  # fmt: skip
_BY_RUNNER = {**_OTHERS, "jest": _JEST, "react-scripts": _JEST, "node": _NODE, "tsx": _NODE}


def kept(runner: str, words: Sequence[str]) -> list[str]:
    """Return those of a runner's words that say how tests are run.

    A word behind an unknown long option is its value. All others stand for tests, and are left out.

    Args:
        runner: its program.
        words: all that it is given.
    """
    known = _BY_RUNNER.get(runner, _Options())
    found: list[str] = []
    takes = 0
    for word in words:
        if word == "--":
            break
        if word.startswith("-"):
            name = word.partition("=")[0]
            dropped = _is(name, _DROPPED) or _is(name, known.dropped)
            takes = 0 if dropped else _values(known, word, len(words))
            found += [] if dropped else [word]
        elif takes:
            takes -= 1
            found.append(word)
    return found


def _values(known: _Options, word: str, most: int) -> int:
    """Return how many words behind an option may be its values."""
    name, equals, _ = word.partition("=")
    if _is(name, known.several):
        return most
    if equals:
        return 0
    if _is(name, known.valued) or _is(name, _ALWAYS_VALUED):
        return 1
    return int(name.startswith("--") and not _is(name, known.plain) and not _is(name, _ALWAYS))


def _is(name: str, form: str) -> bool:
    return re.fullmatch(form, name) is not None
