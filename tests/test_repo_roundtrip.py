from pathlib import Path

import pytest
from git_kit import Kit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swe_scale.records import File
from swe_scale.repo import Repository

pytestmark = pytest.mark.anyio

NAME = st.sampled_from(["a", "b", "c d", "ü", "x.py"])
PATH = st.lists(NAME, min_size=1, max_size=3).map("/".join)
DATA = st.one_of(
    st.binary(max_size=40),
    st.lists(st.sampled_from([b"one\n", b"two\r\n", b"\xe4\n", b"  \n", b"--- a/x\n", b"+++ b/y\n"])).map(
        b"".join
    ),
)
FILE = st.builds(File, mode=st.sampled_from(["100644", "100755"]), data=DATA)
LINK = st.builds(File, mode=st.just("120000"), data=st.sampled_from([b"a", b"b/c", b"x.py"]))


def as_tree(files: dict[str, File]) -> dict[str, File]:
    """Drop whatever lies below another file."""
    return {
        path: file
        for path, file in files.items()
        if not any(path.startswith(f"{other}/") for other in files if other != path)
    }


TREE = st.dictionaries(PATH, st.one_of(FILE, LINK), max_size=6).map(as_tree)


@pytest.fixture
async def empty(tmp_path: Path) -> tuple[Repository, str]:
    kit = Kit(tmp_path / "source")
    kit.commit()
    return await kit.opened()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=TREE, after=TREE)
async def test_any_difference_can_be_written_read_and_applied(
    empty: tuple[Repository, str], before: dict[str, File], after: dict[str, File]
) -> None:
    repository, nothing = empty
    old = await repository.write_tree(nothing, before)
    new = await repository.write_tree(nothing, after)
    changes = await repository.changes(old, new)
    assert changes == {
        path: after.get(path) for path in before | after if before.get(path) != after.get(path)
    }
    assert await repository.write_tree(old, changes) == new
    patch = await repository.diff(old, new)
    assert (patch == "") == (old == new)
    assert await repository.apply(old, patch) == new
