"""What comes before what when a recipe is put together, and where its parts come from."""

from pathlib import Path

import pytest

from swe_scale.environment import Options, Project, Proposal, proposals
from swe_scale.environment.options import FILE, table_of
from swe_scale.errors import UsageError
from swe_scale.events import Events

PYTEST = {"pyproject.toml": "[build-system]\nrequires = []\n", "tests/test_a.py": "import pytest\n"}
NO_OPTIONS = Options()


def ways(
    texts: dict[str, str], options: Options = NO_OPTIONS, sandbox: str = "local"
) -> tuple[Proposal, ...]:
    project = Project(tuple(sorted(texts)), texts)
    return proposals(options, table_of(options, texts.get(FILE), Events()), project, sandbox)


def only(texts: dict[str, str], options: Options = NO_OPTIONS, sandbox: str = "local") -> Proposal:
    (way,) = ways(texts, options, sandbox)
    return way


def test_a_python_project_is_set_up_in_an_environment_of_its_own() -> None:
    way = only(PYTEST)
    assert way.recipe.python and way.recipe.profile == "python" and way.recipe.image is None
    assert any("pip install" in line for line in way.recipe.setup)
    assert way.recipe.test is not None and "pytest {tests}" in way.recipe.test
    assert way.origins["setup"] == way.origins["test"] == "the python profile"
    assert "python project" in way.in_words


def test_what_is_not_recognised_is_said() -> None:
    way = only({"notes": ""})
    assert way.recipe.setup == () and way.recipe.test is None and way.origins == {}
    assert "no known kind of project" in way.in_words and "none are known" in way.in_words


def test_the_repositorys_table_comes_before_what_is_recognised() -> None:
    own = (
        '[environment]\nsetup = "make deps"\ntest = "make check T={tests}"\nworkdir = "/w"\npython = "3.9"\n'
        'variables = {A = "b"}\nneeds = []\n'
    )
    way = only({**PYTEST, FILE: own})
    recipe = way.recipe
    assert (recipe.setup, recipe.test, recipe.workdir) == (("make deps",), "make check T={tests}", "/w")
    assert (recipe.python, recipe.python_version, recipe.variables) == (True, "3.9", {"A": "b"})
    told = {"setup", "test", "workdir", "python_version", "variables"}
    assert {way.origins[part] for part in told} == {f"the repository's {FILE}"}
    assert way.origins["profile"] == "the python profile"


def test_an_image_of_the_table_is_set_up_only_as_the_table_says() -> None:
    recipe = only({**PYTEST, FILE: '[environment]\nimage = "a:1"\n'}).recipe
    assert (recipe.image, recipe.setup, recipe.python) == ("a:1", (), False)
    assert recipe.test is not None and recipe.needs == ()
    own = '[environment]\nimage = "a:1"\nsetup = ["x"]\n'
    assert only({**PYTEST, FILE: own}).recipe.setup == ("x",)


def test_the_users_image_is_ready_made() -> None:
    own = '[environment]\nimage = "a:1"\nsetup = ["x"]\nworkdir = "/w"\ntest = "t"\n'
    way = only({**PYTEST, FILE: own, "Dockerfile": "FROM a\n"}, Options(image="mine:2"), "docker")
    assert (way.recipe.image, way.recipe.setup, way.recipe.test) == ("mine:2", (), "t")
    assert way.origins["image"] == "--image"


def test_agents_are_installed_last() -> None:
    recipe = only({FILE: '[environment]\nsetup = ["x"]\n'}, Options(agents=("install it",))).recipe
    assert recipe.setup == ("x", "install it")
    assert only({}, Options(image="mine:2", agents=("install it",))).recipe.setup == ("install it",)


def test_the_users_file_comes_before_the_repositorys(tmp_path: Path) -> None:
    file = tmp_path / "e.toml"
    file.write_text('[environment]\nsetup = ["mine"]\n')
    way = only({**PYTEST, FILE: "[broken"}, Options(environment_file=file))
    assert way.recipe.setup == ("mine",) and way.origins["setup"] == str(file)


def test_a_folder_is_a_project_of_its_own() -> None:
    texts = {"package.json": "{}", **{f"py/{path}": text for path, text in PYTEST.items()}}
    way = only(texts, Options(subdir="py"))
    assert (way.recipe.profile, way.recipe.subdir, way.origins["subdir"]) == ("python", "py", "--subdir")
    own = {FILE: '[environment]\nsubdir = "./py/"\n'}
    assert only({**texts, **own}).recipe.subdir == "py"
    with pytest.raises(UsageError, match="no folder 'p'"):
        only(texts, Options(subdir="p"))


def test_a_named_language_counts() -> None:
    node = {"package.json": '{"scripts": {"test": "node --test"}}', "test/a.test.js": ""}
    texts = {**PYTEST, **node}
    for name in ("python", "node"):
        assert only({**texts, FILE: f'[environment]\nlanguage = "{name}"\n'}).recipe.profile == name


def test_a_dockerfile_comes_before_the_profile() -> None:
    texts = {**PYTEST, "Dockerfile": "FROM a:1\n"}
    own, profile = ways(texts, sandbox="docker")
    assert own.recipe.build is not None and own.recipe.build.text == "FROM a:1\n"
    assert own.origins["build"] == "Dockerfile" and own.recipe.setup == profile.recipe.setup
    assert profile.recipe.build is None
    (ignored,) = ways(texts, sandbox="bubblewrap")
    assert ignored.recipe == profile.recipe and "bubblewrap ignores it" in ignored.notes[0]
    assert only({**texts, FILE: "[environment]\ndockerfile = false\n"}, sandbox="docker") == profile
    assert only({**texts, FILE: '[environment]\nsetup = "x"\n'}, sandbox="docker").recipe.build is None


def test_a_dockerfile_that_is_wished_for_has_no_substitute() -> None:
    texts = {
        **PYTEST,
        "ci/test.Dockerfile": "FROM a:1\n",
        FILE: '[environment]\ndockerfile = "ci/test.Dockerfile"\n',
    }
    build = only(texts, sandbox="docker").recipe.build
    assert build is not None and (build.dockerfile, build.context) == ("ci/test.Dockerfile", "")
    with pytest.raises(UsageError, match="needs the docker sandbox, not local"):
        ways(texts)
    with pytest.raises(UsageError, match="isn't in the repository"):
        ways({**PYTEST, FILE: texts[FILE]}, sandbox="docker")


def test_a_devcontainer_comes_first_and_its_commands_run_before_ours() -> None:
    own = '{"image": "a:1", "postCreateCommand": "make deps", "containerEnv": {"A": "b"}}'
    texts = {**PYTEST, ".devcontainer.json": own, "Dockerfile": "FROM a:1\n"}
    first, second, third = ways(texts, sandbox="docker")
    assert (first.recipe.image, first.recipe.setup[0], first.recipe.variables) == (
        "a:1",
        "make deps",
        {"A": "b"},
    )
    assert first.recipe.python and first.recipe.setup[1:] == third.recipe.setup
    assert second.recipe.build is not None and third.recipe.build is None
    unusable = {**PYTEST, ".devcontainer.json": '{"dockerComposeFile": "x.yml"}'}
    (plain,) = ways(unusable, sandbox="docker")
    assert plain.recipe.image is None and "docker compose" in plain.notes[0]
