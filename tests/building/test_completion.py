"""What tests look for in vain is installed where the project names it."""

import pytest

from swe_scale.building.completion import absent, completed
from swe_scale.environment import Proposal
from swe_scale.environment.project import Project
from swe_scale.sandbox import Recipe

RECIPE = Recipe(setup=("first",), python=True, profile="python")
WAY = Proposal(RECIPE, {"setup": "the python profile"})
TEXTS = {"pyproject.toml": 'standalone = ["Sphinx>=5", "some_thing", "PyYAML"]', "tests/test_a.py": "hidden"}
PROJECT = Project(tuple(TEXTS), TEXTS)


def test_what_a_runner_misses() -> None:
    said = "E   ModuleNotFoundError: No module named 'sphinx.testing'\nImportError: No module named yaml\n"
    assert absent(said) == ("sphinx", "yaml")
    assert (
        absent("all fine") == () and len(absent("\n".join(f"No module named m{n}" for n in range(99)))) == 20
    )


@pytest.mark.parametrize(
    ("modules", "line"),
    [
        (("sphinx",), "python -m pip install sphinx"),
        (("yaml", "some_thing"), "python -m pip install PyYAML some_thing"),
        (("pkg_resources",), "python -m pip install 'setuptools<81'"),
    ],
)
def test_what_is_declared_is_installed(modules: tuple[str, ...], line: str) -> None:
    recipe = completed(WAY, modules, PROJECT)
    assert recipe is not None and recipe.setup == ("first", line)


def test_what_nobody_declares_is_anybodys() -> None:
    assert completed(WAY, ("hidden", "thing", "standalon"), PROJECT) is None


@pytest.mark.parametrize(
    "path",
    ["sphinx/__init__.py", "src/sphinx/a.py", "sphinx.py", "lib/sphinx.py", "libs/core/sphinx/__init__.py"],
)
def test_the_project_itself_is_never_had_from_elsewhere(path: str) -> None:
    project = Project((*TEXTS, path), TEXTS)
    assert completed(WAY, ("sphinx",), project) is None
    recipe = completed(WAY, ("sphinx", "yaml"), project)
    assert recipe is not None and recipe.setup[-1] == "python -m pip install PyYAML"


def test_what_the_user_said_stays() -> None:
    said = Proposal(RECIPE, {"setup": "swe-scale.toml"})
    assert completed(said, ("sphinx",), PROJECT) is None
    other = Proposal(RECIPE.model_copy(update={"profile": "node"}), {"setup": "the node profile"})
    assert completed(other, ("sphinx",), PROJECT) is None
    done = Proposal(RECIPE.model_copy(update={"setup": ("python -m pip install sphinx",)}), dict(WAY.origins))
    assert completed(done, ("sphinx",), PROJECT) is None
