"""Public runs of one agent, five times on the same issues: which of its patches would a rule have chosen?

Nobody ran a check on them, so only what patches say by themselves counts. Few of the issues are mixed, with
right and wrong patches: these figures show that a rule does no harm where checks are silent, and little more.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swe_scale.patch import token_form
from swe_scale.ranking import Evidence
from swe_scale.records import Candidate, digest

_SYSTEM = re.compile(r"mini-swe-agent2\.2\.8_sonnet4\.5:full_i0_run([1-5])")
_RUNS = 5


@dataclass(frozen=True, slots=True)
class Recorded:
    """One issue: what a rule sees, and, apart from it, which candidates are right."""

    issue: str
    evidence: Evidence
    right: Mapping[str, bool]
    chance: float
    """Share of right ones among the five."""


def recorded(data: Path) -> list[Recorded]:
    """Return the issues on which all five runs have a verdict, sorted.

    Args:
        data: folder with `candidates_dev.jsonl`.
    """
    runs: dict[str, dict[int, tuple[str, bool]]] = {}
    with (data / "candidates_dev.jsonl").open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            found = _SYSTEM.fullmatch(row["system"])
            if found and row["resolved"] is not None:
                runs.setdefault(row["instance_id"], {})[int(found[1])] = row["model_patch"], row["resolved"]
    return [_recorded(issue, of) for issue, of in sorted(runs.items()) if len(of) == _RUNS]


def _recorded(issue: str, runs: Mapping[int, tuple[str, bool]]) -> Recorded:
    authors: dict[str, list[int]] = {}
    for run, (patch, _) in sorted(runs.items()):
        authors.setdefault(patch, []).append(run)
    candidates = tuple(
        Candidate(id=digest(patch), patch=patch, authors=tuple(several)) for patch, several in authors.items()
    )
    right = {digest(patch): resolved for patch, resolved in runs.values()}
    forms = {one.id: token_form(one.patch) for one in candidates}
    share = sum(resolved for _, resolved in runs.values()) / _RUNS
    return Recorded(issue, Evidence(candidates, forms, (), ()), right, share)
