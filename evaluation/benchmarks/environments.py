"""Builds the environments of packages that nobody prepared, and runs their own tests: how many work?

The packages are drawn by a rule fixed before anything was tried. Resolve, at run time and with this machine's
own clients, the newest versions of the dependency closures of five well-known projects: flask, sphinx and
httpx from the Python index, express and eslint from npm's registry. Shuffle each closure with the seed (5),
and go through it: of the Python closure the first that have a source distribution with test files in it, of
npm's the first whose package holds test files and a test script, until there are as many as wanted (14 and 6
of 20). What was passed over for want of tests is counted. Each package becomes a repository of one commit,
without any configuration of ours, and `swe-scale environment build` runs on it without a model.

The baseline is `pip install -e .` and pytest in a plain virtual environment, or `npm install` and `npm test`,
in the same sandbox and counted alike.

    scripts/bench environments [--count 20] [--sandbox docker] [--config FILE] [--out FILE] [--json]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness import Figure, Goal, arguments, compare, report

sys.path.insert(0, str(Path(__file__).parent / "packages"))

from drawn import Package, carried_out, draw, npm_closure, python_closure

NPM_SHARE = 0.3
GOAL, SECOND = 0.70, 2.0
NAIVE = {
    "python": (
        '[environment]\nlanguage = "python"\npython = "3.11"\ndockerfile = false\n'
        'setup = ["python -m pip install -e .", "python -m pip install pytest"]\n'
        'test = "python -m pytest {tests}"\n'
    ),
    "npm": (
        '[environment]\nlanguage = "node"\nneeds = ["node"]\npython = "3.11"\ndockerfile = false\n'
        'setup = ["npm install"]\ntest = "npm test; : {tests}"\n'
    ),
}


@dataclass
class Result:
    """What came of one package."""

    package: Package
    step: str = "failed"
    """How far it came: `tests pass`, `tests run`, `built`, or `failed`."""
    seconds: float = 0.0
    second: float = 0.0
    """Seconds of the second start."""
    passed: int = 0
    ran: int = 0
    why: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    naive_passed: int | None = None
    naive_ran: int = 0


def build(repository: Path, options: Sequence[str]) -> tuple[dict[str, Any] | None, str, float]:
    """Return what `environment build` said, its complaint, and the seconds that it took."""
    began = time.monotonic()
    command = (sys.executable, "-m", "swe_scale", "environment", "build", "--json", "--repo", str(repository))
    done = carried_out(*command, *options, seconds=3600)
    seconds = time.monotonic() - began
    try:
        return json.loads(done.stdout), done.stderr, seconds
    except ValueError:
        return None, done.stderr.rpartition("swe-scale: ")[2].strip(), seconds


def judge(package: Package, repositories: Path, options: Sequence[str], *, naive: bool) -> Result:
    """Build a package's environment twice, and as anybody would."""
    repository = repositories / package.folder
    result = Result(package)
    said, complaint, result.seconds = build(repository, options)
    if said is None:
        result.why = complaint
    else:
        proof = said["proof"] or {}
        result.recipe = said["recipe"]
        result.passed = proof.get("passed", 0)
        result.ran = result.passed + proof.get("failed", 0) + proof.get("errors", 0)
        result.step = "tests pass" if result.passed else "tests run" if result.ran else "built"
        result.why = "" if result.passed else str(proof.get("output") or "no tests are known")[-1500:]
        result.second = build(repository, options)[2]
    if naive:
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(NAIVE[package.registry])
            file.flush()
            said, _, _ = build(repository, (*options, "--environment", file.name))
        proof = (said or {}).get("proof") or {}
        result.naive_passed = proof.get("passed", 0)
        result.naive_ran = proof.get("passed", 0) + proof.get("failed", 0) + proof.get("errors", 0)
    return result


def rows(results: Sequence[Result]) -> Iterator[str]:
    """Yield the table."""
    yield "| package | step | seconds | passed of run | second start | naive | why not |"
    yield "|---|---|---|---|---|---|---|"
    for one in results:
        why = " ".join(one.why.split())[-160:].replace("|", "/")
        naive = "–" if one.naive_passed is None else f"{one.naive_passed} of {one.naive_ran}"
        second = f"{one.second:.1f}" if one.second else "–"
        yield (
            f"| {one.package.name} {one.package.version} ({one.package.registry}) | {one.step} "
            f"| {one.seconds:.0f} | {one.passed} of {one.ran} | {second} | {naive} | {why} |"
        )


def figures(results: Sequence[Result]) -> tuple[Figure, ...]:
    """Return what it all comes to."""
    good = sum(one.passed > 0 for one in results) / len(results)
    naive = [bool(one.naive_passed) for one in results if one.naive_passed is not None]
    plain = sum(naive) / len(naive) if naive else None
    first = [one.seconds for one in results if one.second]
    second = [one.second for one in results if one.second] or [float("inf")]
    name = f"share of {len(results)} drawn packages that are built and pass tests of their own"
    ratio = good / plain if plain else None
    goal, quick = Goal(least=GOAL, of_ours=True), Goal(most=SECOND, of_ours=True)
    return (
        Figure(name, good, plain, "of all", ratio, None, 1, str(goal), goal.met(good, ratio)),
        compare(
            "second start at the same commit, whole command, beside the first", "s", second, first, quick
        ),
        compare("slowest second start", "s", [max(second)], None),
    )


def options() -> argparse.Namespace:
    """Return what was given on the command line."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--count", type=int, default=20)
        parser.add_argument("--folder", type=Path, help="where the repositories are kept, if they are")
        parser.add_argument("--only", nargs="*", default=(), help="names of drawn packages")
        parser.add_argument("--no-naive", action="store_true", help="without the baseline")
        parser.add_argument("--out", type=Path, help="results as JSON, package by package")
        parser.add_argument("--sandbox")
        parser.add_argument("--config")
        parser.add_argument("--proof-seconds", default="300")

    return arguments((__doc__ or "").splitlines()[0], 1, add)


def main() -> None:
    """Draw, build, print."""
    given = options()
    build_options = ["--repair-rounds", "0", "--proof-seconds", given.proof_seconds, "--allow-unbounded"]
    for name in ("sandbox", "config"):
        build_options += [f"--{name}", getattr(given, name)] if getattr(given, name) else []
    with tempfile.TemporaryDirectory() as temporary:
        repositories = (given.folder or Path(temporary)).absolute()
        repositories.mkdir(parents=True, exist_ok=True)
        of_npm = round(given.count * NPM_SHARE)
        python, without = draw(python_closure(), given.count - of_npm, repositories)
        npm, without_too = draw(npm_closure(), of_npm, repositories)
        tell(
            f"drawn: {len(python)} of the Python index, {len(npm)} of npm; {without + without_too} passed "
            "over: no source distribution, or no tests in it"
        )
        results: list[Result] = []
        for package in (*python, *npm):
            if given.only and package.name not in given.only:
                continue
            results.append(judge(package, repositories, build_options, naive=not given.no_naive))
            tell(list(rows(results))[-1])
    tell("\n".join(("", *rows(results), "")))
    if given.out:
        given.out.write_text(json.dumps([asdict(one) for one in results], indent=1))
    report(figures(results), as_json=given.json)


def tell(text: str) -> None:
    """Say how far it is, apart from the result."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
