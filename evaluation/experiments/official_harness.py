"""Grades patches by the official harness as it is, and keeps what it says of each.

`python evaluation/experiments/official_harness.py --data DATA --rows FOLDER/rows.jsonl --out verdicts.json
--python BIN/python` draws candidates of quick rows by a seed. The interpreter is that of an environment with
`swebench`; the images are those that `testbed_images.py` makes.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from testbed_rows import Row, candidates, drawn_per_row, lines

QUICK = (
    "django__django-11179", "django__django-11848", "django__django-13158", "django__django-14238",
    "django__django-16595", "mwaskom__seaborn-3190", "pytest-dev__pytest-7490", "sphinx-doc__sphinx-8721",
    "sympy__sympy-21847", "sympy__sympy-24066",
)  # fmt: skip
"""Rows whose tests take at most five seconds, of five repositories and four versions of Python."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the harness says of a patch."""

    instance: str
    name: str
    """`gold`, or the `patch_sha` of a recorded candidate."""
    resolved: bool | None
    """None: it made no report."""
    failing: Sequence[str] = ()
    broken: Sequence[str] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Harness:
    """The official harness: its interpreter, the rows, and the folder that it writes to."""

    python: Path
    rows: Path
    folder: Path

    def run(self, run: str, patches: Mapping[str, str], workers: int) -> None:
        """Grade one patch of each row; what it prints is kept beside its reports."""
        self.folder.mkdir(parents=True, exist_ok=True)
        predictions = self.folder / f"{run}.jsonl"
        predictions.write_text(
            "".join(
                json.dumps({"instance_id": row, "model_name_or_path": "one", "model_patch": patch}) + "\n"
                for row, patch in patches.items()
            ),
            encoding="utf-8",
        )
        command = [str(self.python), "-m", "swebench.harness.run_evaluation", "-d", str(self.rows.resolve())]
        command += ["-p", str(predictions.resolve()), "-id", run, "--max_workers", str(workers)]
        with (self.folder / f"{run}.log").open("w") as log:
            subprocess.run(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True
            )

    def kept(self, run: str, instance: str) -> Path:
        """Return the folder of what it kept of one row."""
        return self.folder / "logs" / "run_evaluation" / run / "one" / instance

    def said(self, run: str, instance: str, name: str) -> Said:
        """Return what a run says of a row's patch."""
        file = self.kept(run, instance) / "report.json"
        if not file.is_file():
            log = self.kept(run, instance) / "run_instance.log"
            text = log.read_text(errors="replace") if log.is_file() else ""
            applied = ">>>>> Patch Apply Failed" not in text
            return Said(instance, name, None, reason="" if applied else "the patch doesn't apply")
        report = json.loads(file.read_text())[instance]
        tests = report.get("tests_status", {})
        return Said(
            instance, name, report["resolved"],
            failing=tests.get("FAIL_TO_PASS", {}).get("failure", ()),
            broken=tests.get("PASS_TO_PASS", {}).get("failure", ()),
            reason="" if tests else str(report.get("infra_failure_reason", "no results in the output")),
        )  # fmt: skip


def rounds(rows: Sequence[Row], data: Path, count: int, seed: int) -> list[dict[str, tuple[str, str]]]:
    """Return, by row, the name and text of one patch per round: first the true ones, then candidates."""
    ids = [row["instance_id"] for row in rows]
    chosen = drawn_per_row(candidates(data, ids), count, seed)
    found = [{row["instance_id"]: ("gold", str(row["patch"])) for row in rows}]
    for number in range(count):
        found.append(
            {
                row: (ones[number].sha, ones[number].patch)
                for row, ones in chosen.items()
                if number < len(ones)
            }
        )
    return found


def main() -> None:
    """Grade the quick rows' patches and write what the harness says of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder with recorded candidates")
    parser.add_argument("--rows", type=Path, required=True, help="dataset with local images")
    parser.add_argument("--out", type=Path, required=True, help="file that verdicts are written to")
    parser.add_argument("--python", type=Path, required=True, help="interpreter that has swebench")
    parser.add_argument("--candidates", type=int, default=5, help="of each row")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    chosen = [row for row in lines(given.rows) if row["instance_id"] in QUICK]
    harness = Harness(given.python, given.rows, given.out.parent / "harness")
    said: list[Said] = []
    for number, patches in enumerate(rounds(chosen, given.data, given.candidates, given.seed)):
        run = f"round-{given.seed}-{number}"
        harness.run(run, {row: patch for row, (_, patch) in patches.items()}, given.workers)
        said += [harness.said(run, row, name) for row, (name, _) in patches.items()]
        resolved = sum(one.resolved is True for one in said)
        print(f"{run}: {resolved} of {len(said)} resolved so far", file=sys.stderr, flush=True)
        given.out.write_text(json.dumps([asdict(one) for one in said], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
