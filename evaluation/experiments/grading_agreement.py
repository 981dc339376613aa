"""Does grading say what is known? True patches, patches of no substance, recorded candidates, the harness.

`python evaluation/experiments/grading_agreement.py --data DATA --rows FOLDER/rows.jsonl --repos REPOS --out
FOLDER` grades, with `swe-scale grade`, of every runnable row the true patch and a patch that only adds a
comment, candidates drawn by a seed, and the patches that `official_harness.py` graded (`--official`). Every
difference is listed. Grades are kept in `--out`: the same command goes on where it stopped.
"""

import argparse
import difflib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from official_harness import rounds
from testbed_rows import HELD_BY_FORK, Row, candidates, drawn, lines, repository_of, runnable_rows

from swe_scale.grades import Grade, patch_id, read_grades
from swe_scale.patch import touched


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a patch."""

    kind: str
    """`gold`, `comment`, `recorded` or `harness`."""
    instance: str
    name: str
    patch: str
    resolved: bool | None
    """None: the harness made no report, as where a patch doesn't apply."""
    told_by: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A patch of which grading doesn't say what is known."""

    kind: str
    instance: str
    name: str
    expected: bool | None
    told_by: str
    official: str
    hardened: str
    why: str
    guards: Sequence[str]


def comment_patch(row: Row, repository: Path) -> str:
    """Return a patch that adds a comment at the end of the first Python file that the true one changes."""
    path = next(one for one in touched(str(row["patch"])) if one.endswith(".py"))
    command = ["git", "-C", str(repository), "show", f"{row['base_commit']}:{path}"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    old = text.splitlines(keepends=True)
    new = [*old, "# Nothing of substance.\n"]
    return "".join(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"))


def known_of(rows: Sequence[Row], repos: Path) -> list[Expected]:
    """Return what must hold of every row: its true patch resolves it, a comment doesn't."""
    found = []
    for row in rows:
        name, comment = row["instance_id"], comment_patch(row, repository_of(repos, row["repo"]))
        found.append(Expected("gold", name, "gold", row["patch"], True, "dataset"))
        found.append(Expected("comment", name, "comment", comment, False, "dataset"))
    return found


def recorded(rows: Sequence[Row], data: Path, count: int, seed: int) -> list[Expected]:
    """Return candidates that are drawn, with the verdicts that were recorded."""
    chosen = drawn(candidates(data, [row["instance_id"] for row in rows]), count, seed)
    return [
        Expected("recorded", one.instance, one.sha, one.patch, one.resolved, one.told_by) for one in chosen
    ]


def by_harness(rows: Sequence[Row], data: Path, file: Path, seed: int) -> list[Expected]:
    """Return the patches that the official harness graded, with its verdicts."""
    said: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    ids = {one["instance"] for one in said}
    most = max(sum(one["instance"] == row for one in said) for row in ids) - 1
    texts = {
        (row, name): patch
        for patches in rounds([row for row in rows if row["instance_id"] in ids], data, most, seed)
        for row, (name, patch) in patches.items()
    }
    return [
        Expected(
            "harness",
            one["instance"],
            one["name"],
            texts[one["instance"], one["name"]],
            one["resolved"],
            "swebench",
        )
        for one in said
    ]


def graded(expected: Sequence[Expected], given: argparse.Namespace) -> Mapping[tuple[str, str], Grade]:
    """Return the grades of patches, by instance and patch; `swe-scale grade` makes those that are missing."""
    given.out.mkdir(parents=True, exist_ok=True)
    predictions, grades = given.out / "predictions.jsonl", given.out / "grades.jsonl"
    entries = ({"instance_id": one.instance, "model_patch": one.patch} for one in expected)
    predictions.write_text("".join(json.dumps(one) + "\n" for one in entries), encoding="utf-8")
    folder = linked(given.repos, given.out / "repos")
    command = [sys.executable, "-m", "swe_scale", "grade", str(predictions), "--dataset", str(given.rows)]
    command += ["--repos", str(folder), "--out", str(grades), "--json", *given.options]
    with (given.out / "grade.json").open("w", encoding="utf-8") as answer:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=answer, check=False)
    return read_grades(grades)


def linked(repos: Path, folder: Path) -> Path:
    """Return a folder that has the repositories as owner__name, by links."""
    folder.mkdir(parents=True, exist_ok=True)
    of_fork = {fork: name for name, fork in HELD_BY_FORK.items()}
    for place in repos.glob("*+*/repo"):
        name = place.parent.name.replace("+", "/")
        link = folder / of_fork.get(name, name).replace("/", "__")
        if not link.is_symlink():
            link.symlink_to(place.resolve())
    return folder


def differences(expected: Sequence[Expected], grades: Mapping[tuple[str, str], Grade]) -> list[Difference]:
    """Return where grading doesn't say what is known."""
    found = []
    for one in expected:
        grade = grades.get((one.instance, patch_id(one.patch)))
        official, hardened = (grade.official, grade.hardened) if grade else (None, None)
        first, second = (way.ruling if way else "not graded" for way in (official, hardened))
        if {first, second} == {"resolved" if one.resolved else "unresolved"}:
            continue
        why = next((way.reason for way in (official, hardened) if way and way.reason), "")
        guards = hardened.guards if hardened else ()
        found.append(
            Difference(
                one.kind, one.instance, one.name, one.resolved, one.told_by, first, second, why, guards
            )
        )
    return found


def summary(expected: Sequence[Expected], grades: Mapping[tuple[str, str], Grade]) -> dict[str, Any]:
    """Return per kind how many patches there are and of how many each way says what is known."""
    document: dict[str, Any] = {}
    for kind in dict.fromkeys(one.kind for one in expected):
        own = [one for one in expected if one.kind == kind]
        document[kind] = {"patches": len(own)}
        for way in ("official", "hardened"):
            alike = 0
            for one in own:
                grade = grades.get((one.instance, patch_id(one.patch)))
                wanted = "resolved" if one.resolved else "unresolved"
                alike += grade is not None and getattr(grade, way).ruling == wanted
            document[kind][way] = alike
    return document


def main() -> None:
    """Grade, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder with questions, answers, candidates")
    parser.add_argument("--rows", type=Path, required=True, help="dataset with local images")
    parser.add_argument("--repos", type=Path, required=True, help="folder with OWNER+NAME/repo")
    parser.add_argument("--out", type=Path, required=True, help="folder that grades are kept in")
    parser.add_argument("--official", type=Path, help="what official_harness.py wrote")
    parser.add_argument("--count", type=int, default=150, help="candidates that are drawn")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--known", action="store_true", help="only true patches and comments")
    parser.add_argument("options", nargs="*", help="further options of `swe-scale grade`, after --")
    given = parser.parse_args()
    rows = runnable_rows(given.data)
    expected = known_of(rows, given.repos)
    if not given.known:
        expected += recorded(rows, given.data, given.count, given.seed)
        if given.official:
            expected += by_harness(list(lines(given.rows)), given.data, given.official, given.seed)
    grades = graded(expected, given)
    found = [asdict(one) for one in differences(expected, grades)]
    print(json.dumps({"agreement": summary(expected, grades), "differences": found}, indent=1))


if __name__ == "__main__":
    main()
