"""Guards the order of the modules: imports point down, importing is cheap, assets hold no code."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import swe_scale

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "swe_scale"

GROUPS: tuple[tuple[str, ...], ...] = (
    ("errors", "records", "assets", "flags", "readable", "quoting", "foreign"),
    ("extensions",),
    ("config", "cached", "prompts", "patch", "retry", "events", "locks", "background", "given"),
    ("store",),
    ("ledger", "clock", "statistics", "timeline"),
    ("scaling",),
    ("repo",),
    ("contents",),
    ("trees",),
    ("sandbox", "models"),
    ("profiles", "house"),
    ("environment",),
    ("checks",),
    ("context", "trajectory"),
    ("regression",),
    ("reach",),
    ("formatting",),
    ("building",),
    ("ranking",),
    ("crosscheck", "reproduction", "wording", "depicting"),
    ("selection", "policy", "triage", "planning", "notes", "judging", "diversity", "readers", "scoring"),
    ("agenda", "decided", "making", "underway", "assignments", "adopted", "gathering"),
    ("search", "turn_cells"),
    ("conclusion", "panel", "means"),
    ("groundwork", "finish"),
    ("pipeline",),
    ("github",),
    ("issues", "report", "live", "allowance"),
    ("jobs",),
    ("batch", "grades"),
    ("sweep",),
    ("swebench", "analysis", "viewer", "doctor", "demo"),
    ("bot",),
    ("cli",),
    ("__main__",),
)
"""Modules and folders of the package: one may import what an earlier group holds, and its own folder."""

RANK = {name: rank for rank, group in enumerate(GROUPS) for name in group}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py")) if "_assets" not in file.parts}
INNER = [name for name in MODULES if name != "swe_scale"]


def group_of(module: str) -> str:
    return module.split(".")[1]


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def named(tree: ast.AST) -> Iterator[str]:
    """Yield every module that a text imports, in functions and for type checks too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def imports(tree: ast.AST) -> set[str]:
    """Return the modules of the package that a text imports, the package itself left out."""
    return {name for name in named(tree) if name in INNER}


def opened(module: str) -> set[str]:
    """Return the backends that a folder's `__init__` imports only when one is opened."""
    if MODULES[module].name != "__init__.py":
        return set()
    functions = [node for node in ast.walk(parsed(module)) if isinstance(node, ast.FunctionDef)]
    own = {name for function in functions for name in imports(function)}
    return {name for name in own if name.startswith(f"{module}.")}


def test_every_module_has_a_place() -> None:
    assert {group_of(module) for module in INNER} <= RANK.keys()


@pytest.mark.parametrize("module", INNER)
def test_imports_point_down(module: str) -> None:
    own = group_of(module)
    wrong = [
        target
        for target in imports(parsed(module))
        if group_of(target) != own and RANK[group_of(target)] >= RANK[own]
    ]
    assert not wrong


def test_no_import_cycles() -> None:
    graph = {module: imports(parsed(module)) - opened(module) for module in INNER}
    TopologicalSorter(graph).prepare()


def test_the_package_imports_nothing_beside_it() -> None:
    beside = {file.stem for file in ROOT.iterdir()} - {"swe_scale"}
    assert {"evaluation", "tests"} <= beside
    wrong = {
        module: {name for name in named(parsed(module)) if name.split(".")[0] in beside} for module in MODULES
    }
    assert not {module: names for module, names in wrong.items() if names}


@pytest.mark.parametrize("folder", ["prompts", "sandboxes"])
def test_assets_hold_no_python(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert not list((ROOT / folder).rglob("*.py"))


def test_no_vague_names() -> None:
    vague = {"utils", "util", "helpers", "common", "misc"}
    assert not [module for module in MODULES if vague & set(module.split("."))]


def test_exports_are_what_all_names() -> None:
    assert len(set(swe_scale.__all__)) == len(swe_scale.__all__)
    for name in swe_scale.__all__:
        assert getattr(swe_scale, name) is not None
    assert set(dir(swe_scale)) == set(swe_scale.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = swe_scale.nothing


@pytest.mark.parametrize("module", [name for name in INNER if MODULES[name].name == "__init__.py"])
def test_folders_export_what_they_name(module: str) -> None:
    loaded = import_module(module)
    assert all(hasattr(loaded, name) for name in getattr(loaded, "__all__", ()))


HEAVY = {
    "pydantic",
    "openai",
    "anthropic",
    "docker",
    "rich",
    "jinja2",
    "numpy",
    "tree_sitter",
    "tree_sitter_language_pack",
    "tenacity",
    "anyio",
    "requests",
    "tokenizers",
}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(shown.stdout.split())


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = loaded_by("import swe_scale")
    assert not loaded & (HEAVY | {"typer", "click", "importlib.metadata"})
    assert not [name for name in loaded if name.startswith("swe_scale.")]


def test_importing_the_commands_loads_no_backend() -> None:
    before = loaded_by("import typer")
    loaded = loaded_by("import swe_scale.cli") - before
    assert not {name.split(".")[0] for name in loaded} & HEAVY
    assert not loaded & {"swe_scale.config", "swe_scale.records", "swe_scale.pipeline"}


def test_importing_says_and_leaves_nothing(tmp_path: Path) -> None:
    meant_to_run = {"swe_scale.__main__"}
    code = f"import {', '.join(sorted(set(INNER) - meant_to_run))}"
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_test_files_have_names_of_their_own() -> None:
    names = [file.name for file in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names)), "pytest collects only one of two files of one name"
