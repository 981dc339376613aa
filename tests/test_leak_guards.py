"""Nothing that solves can reach an answer: not by what it imports, nor by what is alive while it works."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job import ISSUE, RIGHT, Desk, endpoint, git, replies
from scripted_server import ScriptedServer
from test_architecture import GROUPS, INNER, MODULES, RANK, group_of, imports, parsed

SOLVING = [name for name in INNER if RANK[group_of(name)] <= RANK["pipeline"]]
BESIDE = [name for name in INNER if group_of(name) in {"batch", "sweep", "github", "issues", "live"}]
ANSWERS = ("swe_scale.swebench", "swe_scale.grades", "swe_scale.analysis")
COLUMNS = ("patch", "test_patch", "FAIL_TO_PASS", "PASS_TO_PASS", "eval_script", "hints_text")
GOLD = "gold-that-nobody-may-see"


def answers(names: set[str]) -> set[str]:
    return {name for name in names if f"{name}.".startswith(tuple(f"{one}." for one in ANSWERS))}


def reached(module: str) -> set[str]:
    """Return all modules that a module leads to, in functions and for type checks too."""
    found, pending = {module}, [module]
    while pending:
        one = pending.pop()
        parts = one.split(".")
        packages = {".".join(parts[:length]) for length in range(2, len(parts))} & MODULES.keys()
        for target in (imports(parsed(one)) | packages) - found:
            found.add(target)
            pending.append(target)
    return found


@pytest.mark.parametrize("module", [*SOLVING, *BESIDE])
def test_no_import_leads_from_a_solver_to_an_answer(module: str) -> None:
    assert not answers(reached(module))


def by_name(tree: ast.AST) -> Iterator[str]:
    """Yield the texts in a module that name modules: what could be imported by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
            yield node.value.strip()


@pytest.mark.parametrize("module", [*SOLVING, *BESIDE])
def test_nor_does_a_module_name_one_in_a_text(module: str) -> None:
    assert not answers({text for text in by_name(parsed(module)) if text.startswith("swe_scale.")})


def test_the_guard_covers_what_solves() -> None:
    groups = {group_of(name) for name in SOLVING}
    assert {"trajectory", "context", "search", "selection", "pipeline", "models", "sandbox"} <= groups
    assert groups.isdisjoint({"grades", "swebench", "analysis"})
    assert {"swebench", "analysis"} <= {name for group in GROUPS for name in group}


def test_a_broken_rule_would_be_seen() -> None:
    assert "swe_scale.grades" in answers(reached("swe_scale.analysis.runs"))
    inside = ast.parse("def solve() -> None:\n    from swe_scale.swebench.instance import Gold\n")
    assert answers(imports(inside)) == {"swe_scale.swebench.instance"}


WATCHED = """
import gc, json, sys
from swe_scale.swebench.instance import Gold, Instance
import swe_scale.pipeline as pipeline

seen = {"solves": 0, "looks": 0, "found": []}

def look(where):
    gc.collect()
    seen["looks"] += 1
    for one in gc.get_objects():
        values = list(one.values()) if type(one) is dict else one if type(one) in (list, tuple) else ()
        known = one is not globals() and any(type(value) is str and GOLD in value for value in values)
        if known or isinstance(one, (Gold, Instance)):
            seen["found"].append(f"{where}: {type(one).__name__} {repr(one)[:200]}")

GOLD = bytes.fromhex(sys.argv.pop(1)).decode()
import swe_scale.batch as batch
inner = batch.solve

async def solve(issue, means, config, given=None):
    seen["solves"] += 1
    look("before")
    told = means.events
    told.listeners.append(lambda event: look(event.kind) if event.kind == "stage" else None)
    try:
        return await inner(issue, means, config, given)
    finally:
        look("after")

batch.solve = solve
import atexit
atexit.register(lambda: open("seen.json", "w").write(json.dumps(seen)))
sys.argv[0] = "swe-scale"
import runpy
runpy.run_module("swe_scale", run_name="__main__")
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_no_answer_is_alive_while_a_row_is_solved(desk: Desk) -> None:
    head = git(desk.repository, "rev-parse", "HEAD")
    row = {
        "instance_id": "own__stats-1",
        "repo": str(desk.repository),
        "base_commit": head,
        "problem_statement": ISSUE,
        **{name: json.dumps([f"{GOLD} {name}"]) for name in COLUMNS},
    }
    (desk.folder / "rows.jsonl").write_text(f"{json.dumps(row)}\n")
    (desk.folder / "watched.py").write_text(WATCHED)
    written = replies((RIGHT,))
    with ScriptedServer(lambda step, _: written[step.partition("/")[2]]) as server:
        command = (
            "eval", "rows.jsonl", "--name", "one", "--sandbox", "local", "--samples", "1",
            *endpoint(server.base_url),
        )  # fmt: skip
        watched = [sys.executable, "watched.py", GOLD.encode().hex(), *command]
        ran = subprocess.run(
            watched, cwd=desk.folder, env=desk.variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        asked = json.dumps([call.body for call in server.calls])
    assert ran.returncode == 0, ran.stderr
    seen = json.loads((desk.folder / "seen.json").read_text())
    assert seen["solves"] == 1 and seen["looks"] >= 2 and not seen["found"]
    assert "of an empty list crashes" in asked and GOLD not in asked
    kept = [file for file in (desk.folder / "runs").rglob("*") if file.is_file()]
    assert kept and not [file for file in kept if GOLD.encode() in file.read_bytes()]
