"""What rules make of real matrices: recorded patches of real issues, judged by `swe-scale select`.

`real_matrices.py` makes the run folders; what is known of each patch is joined to them here, where nothing
that chooses sees it. These are few issues of few projects, their patches come from very different systems,
and most of the checks are weak: the figures show that a rule does no harm, and how far its probability holds.

Run it: `python real_figures.py --data DATA --runs FOLDER [--json]`.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks" / "choosing"))

from harness import Figure, arguments, report
from numpy.typing import NDArray
from real_matrices import NAME, folder_of
from resolving import resolved
from testbed_rows import candidates

from swe_scale.analysis.runs import open_run
from swe_scale.analysis.subsets import evidence_of
from swe_scale.patch import token_form
from swe_scale.ranking import OWN_RULES, Evidence
from swe_scale.statistics import paired_bootstrap

Numbers = NDArray[np.float64]
OURS = "latent"
RULES = (OURS, "votes", "raw", "codet", "majority", "medoid", "smallest")


@dataclass(frozen=True, slots=True)
class Judged:
    """One issue: what a rule sees, and, apart from it, which candidates are right."""

    issue: str
    evidence: Evidence
    right: Mapping[str, bool]

    @property
    def spoken(self) -> bool:
        """Whether any written check fails on the untouched code, and says different things of candidates."""
        outcomes = self.evidence.outcomes
        return any(
            outcomes.reproduces(check.id)
            and len({outcomes.of(one.id, check.id) for one in self.evidence.candidates}) > 1
            for check in self.evidence.checks
            if check.kind != "regression"
        )


def judged(data: Path, runs: Path) -> list[Judged]:
    """Return the issues that have been judged, sorted by name; candidates without a label are left out.

    Args:
        data: folder with the recorded candidates.
        runs: folder that `real_matrices.py` has made.
    """
    found: list[Judged] = []
    for folder in sorted(runs.glob("*/answer.json")):
        issue = folder.parent.name
        labels = {token_form(one.patch): one.resolved for one in candidates(data, {issue})}
        with open_run(folder_of(runs, issue) / "runs" / NAME) as run:
            for solution in run.solutions():
                evidence = evidence_of(solution, {one.index for one in solution.trajectories})
                forms = {one.id: token_form(one.patch) for one in evidence.candidates}
                right = {name: labels[form] for name, form in forms.items() if form in labels}
                if len(right) == len(forms) > 1:
                    found.append(Judged(issue, evidence, right))
    return found


def figures(issues: Sequence[Judged]) -> Iterator[Figure]:
    """Yield the figures of all issues, and of those on which checks tell candidates apart."""
    for title, some in (("real", issues), ("real, checks tell apart", [one for one in issues if one.spoken])):
        if some:
            yield from _choosing(title, some)
            yield _confidence(title, some)


def _choosing(title: str, issues: Sequence[Judged]) -> Iterator[Figure]:
    lot = np.array([np.mean(list(one.right.values())) for one in issues])
    oracle = np.array([float(any(one.right.values())) for one in issues])
    for name in RULES:
        chosen = [OWN_RULES[name](one.evidence).ranked[0].candidate for one in issues]
        right = np.array([float(one.right[best]) for one, best in zip(issues, chosen, strict=True)])
        yield resolved(f"{title}: {name} beside the lot", right, lot)
    yield resolved(f"{title}: an oracle beside the lot", oracle, lot)


def _confidence(title: str, issues: Sequence[Judged]) -> Figure:
    leaders = [OWN_RULES[OURS](one.evidence).ranked[0] for one in issues]
    sure = np.array([one.posterior for one in leaders])
    right = np.array([float(one.right[best.candidate]) for one, best in zip(issues, leaders, strict=True)])
    ours, base = (sure - right) ** 2, (right.mean() - right) ** 2
    spread = paired_bootstrap(ours.tolist(), base.tolist()).interval
    mean, known = float(ours.mean()), float(base.mean())
    return Figure(
        f"{title}: Brier score of {OURS} beside the base rate's", mean, known,
        "squared; spread: ours less baseline", mean / known if known else None, spread, len(right),
        None, None,
    )  # fmt: skip


def main() -> None:
    """Measure, and print."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--runs", type=Path, required=True, help="what real_matrices.py has made")

    given = arguments("Selection among recorded patches of real issues.", 1, add)
    if given.data is None:
        raise SystemExit("--data is needed: the recorded patches are there")
    report(list(figures(judged(given.data, given.runs))), as_json=given.json)


if __name__ == "__main__":
    main()
