"""When what a test file did on one commit holds on another, rule by rule."""

from collections.abc import Mapping

import pytest

from swe_scale.regression.executed import Executed
from swe_scale.regression.ground import Ground
from swe_scale.repo.objects import Entry

TEST = "tests/test_a.py"
TREE: Mapping[str, str] = {
    "pkg/__init__.py": "1",
    "pkg/core.py": "1",
    "pkg/other.py": "1",
    "pkg/data/one.json": "1",
    "pkg/fast.c": "1",
    "tests/test_a.py": "1",
    "tests/test_b.py": "1",
    "conftest.py": "1",
    "pyproject.toml": "1",
    "requirements.txt": "1",
    "README.md": "1",
}
LINES = frozenset({0})
RUN = Executed(
    functions={"pkg/__init__.py": LINES, "pkg/core.py": LINES, TEST: LINES},
    read=frozenset({"pkg/data/one.json"}),
    imported=frozenset({"pkg", "pkg.core", "pkg.speedups", "yaml"}),
)


def ground(changes: Mapping[str, str | None] = {}, subdir: str = "", mode: str = "100644") -> Ground:
    files = {path: blob for path, blob in {**TREE, **changes}.items() if blob is not None}
    return Ground([Entry(path, mode, blob, 1) for path, blob in files.items()], subdir)


def holds(changes: Mapping[str, str | None], run: Executed = RUN) -> bool:
    basis = ground().basis(TEST, run)
    assert basis is not None
    return ground(changes).holds(basis, TEST)


def compiled(run: Executed = RUN) -> Executed:
    return run.model_copy(update={"read": run.read | {"pkg/fast.cpython-311-x86_64-linux-gnu.so"}})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pkg/other.py": "2"},
        {"tests/test_b.py": "2"},
        {"tests/test_c.py": "1"},
        {"tests/unit/conftest.py": "1"},
        {"README.md": "2"},
        {"pkg/fast.c": "2"},
        {"pkg/more.py": "1"},
        {"pkg/data/two.json": "1"},
    ],
)
def test_what_it_has_no_part_in_may_change(changes: Mapping[str, str | None]) -> None:
    assert holds(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"pkg/core.py": "2"},
        {"pkg/__init__.py": None},
        {TEST: "2"},
        {"pkg/data/one.json": "2"},
        {"pkg/data/one.json": None},
        {"conftest.py": "2"},
        {"tests/conftest.py": "1"},
        {"tests/__init__.py": "1"},
        {"pytest.ini": "1"},
        {"pyproject.toml": "2"},
        {"requirements.txt": "2"},
        {"requirements/test.txt": "1"},
        {"pkg/speedups.py": "1"},
        {"pkg/core/__init__.py": "1"},
        {"src/yaml.py": "1"},
        {"json.py": "1"},
        {"sitecustomize.py": "1"},
    ],
)
def test_what_it_has_a_part_in_may_not(changes: Mapping[str, str | None]) -> None:
    assert not holds(changes)


def test_a_folder_that_was_listed_has_the_same_names() -> None:
    listing = RUN.model_copy(update={"listed": frozenset({"pkg/data"})})
    assert holds({"pkg/other.py": "2"}, listing)
    assert not holds({"pkg/data/two.json": "1"}, listing)
    assert not holds({"pkg/data/deep/two.json": "1"}, listing)
    root = RUN.model_copy(update={"listed": frozenset({""})})
    assert not holds({"LICENSE": "1"}, root)


def test_a_compiled_module_may_be_made_of_anything_but_python_and_prose() -> None:
    assert holds({"pkg/other.py": "2", "README.md": "2"}, compiled())
    assert not holds({"pkg/fast.c": "2"}, compiled())
    assert not holds({"pkg/fast.pyx": "1"}, compiled())


def test_where_links_lead_counts() -> None:
    basis = ground().basis(TEST, RUN)
    assert basis is not None
    linked = ground({"link": "1"})
    linked.entries = [*ground().entries, Entry("link", "120000", "1", 1)]
    linked.__post_init__()
    assert not linked.holds(basis, TEST)


@pytest.mark.parametrize(
    "update",
    [
        {"whole": False},
        {"hidden": True},
        {"functions": {"pkg/core.py": LINES}},
        {"functions": {TEST: LINES, "pkg/made_by_setup.py": LINES}},
    ],
    ids=["another tracer", "another process", "not even the test", "a product"],
)
def test_what_cannot_be_known_is_kept_for_no_other_commit(update: Mapping[str, object]) -> None:
    assert ground().basis(TEST, RUN.model_copy(update=update)) is None


def test_a_version_that_set_up_writes_is_no_hindrance() -> None:
    stamped = {**RUN.functions, "pkg/_version.py": LINES}
    assert ground().basis(TEST, RUN.model_copy(update={"functions": stamped})) is not None


def test_the_project_s_folder_has_its_own_settings() -> None:
    basis = ground({"api/pyproject.toml": "1"}, "api").basis(TEST, RUN)
    assert basis is not None
    assert not ground({"api/pyproject.toml": "2"}, "api").holds(basis, TEST)
