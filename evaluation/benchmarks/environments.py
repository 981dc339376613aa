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

    python evaluation/benchmarks/environments.py [--count 20] [--sandbox docker] [--config FILE] [--out FILE]
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


def summary(results: Sequence[Result]) -> Iterator[str]:
    """Yield what it all comes to."""
    good = sum(one.passed > 0 for one in results)
    naive = sum(bool(one.naive_passed) for one in results)
    seconds = sorted(one.second for one in results if one.second)
    yield f"build, and tests of their own pass: {good} of {len(results)} (goal: {GOAL:.0%}); naive: {naive}"
    if seconds:
        middle = seconds[len(seconds) // 2]
        yield f"second start: median {middle:.1f} s, most {seconds[-1]:.1f} s (goal: {SECOND:g} s)"


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where the repositories are kept, if they are")
    parser.add_argument("--only", nargs="*", default=(), help="names of drawn packages")
    parser.add_argument("--no-naive", action="store_true", help="without the baseline")
    parser.add_argument("--out", type=Path, help="results as JSON")
    parser.add_argument("--sandbox")
    parser.add_argument("--config")
    parser.add_argument("--proof-seconds", default="300")
    return parser.parse_args()


def main() -> None:
    """Draw, build, print."""
    given = arguments()
    options = ["--repair-rounds", "0", "--proof-seconds", given.proof_seconds, "--allow-unbounded"]
    for name in ("sandbox", "config"):
        options += [f"--{name}", getattr(given, name)] if getattr(given, name) else []
    with tempfile.TemporaryDirectory() as temporary:
        repositories = (given.folder or Path(temporary)).absolute()
        repositories.mkdir(parents=True, exist_ok=True)
        of_npm = round(given.count * NPM_SHARE)
        python, without = draw(python_closure(), given.count - of_npm, repositories)
        npm, without_too = draw(npm_closure(), of_npm, repositories)
        print(
            f"drawn: {len(python)} of the Python index, {len(npm)} of npm; {without + without_too} passed "
            "over: no source distribution, or no tests in it",
            flush=True,
        )
        results: list[Result] = []
        for package in (*python, *npm):
            if given.only and package.name not in given.only:
                continue
            results.append(judge(package, repositories, options, naive=not given.no_naive))
            print(list(rows(results))[-1], flush=True)
    print("\n".join(("", *rows(results), "", *summary(results))))
    if given.out:
        given.out.write_text(json.dumps([asdict(one) for one in results], indent=1))


if __name__ == "__main__":
    main()
