"""Patches of any origin on one commit: what is left out, what is equal, what is looked at."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from git_kit import Kit

from swe_scale import gathering
from swe_scale.gathering import BEYOND, EMPTY, FAULTY, TESTS, Gathered, folded, gather

pytestmark = pytest.mark.anyio
FILES = {
    "stats.py": b"def mean(values):\n    return sum(values) / len(values)\n",
    "tests/test_stats.py": b"import stats\n",
    "conftest.py": b"",
}


def patch(new: str, path: str = "stats.py", context: str = "def mean(values):") -> str:
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,2 @@\n {context}\n"
        f"-    return sum(values) / len(values)\n+    return {new}\n"
    )


def added(path: str, line: str = "x = 1") -> str:
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return f"{head}@@ -0,0 +1 @@\n+{line}\n"


async def gathered(folder: Path, texts: Mapping[str, int]) -> tuple[Gathered, dict[str, str]]:
    kit = Kit(folder / "source")
    kit.commit(dict(FILES))
    repository, tree = await kit.opened()
    told: dict[str, str] = {}
    return await gather(repository, tree, texts, told.__setitem__), told


async def test_equal_trees_are_one_however_they_are_written(tmp_path: Path) -> None:
    plain = patch("0")
    texts = {plain: 2, plain.replace("\n", "\r\n"): 1, plain.partition("\n")[2]: 1, patch("1"): 1}
    found, told = await gathered(tmp_path, texts)
    assert sorted(one.sources for one in found.patches) == [1, 4]
    assert found.left_out == {} and told == {}
    assert [one.tree for one in found.patches] == sorted(one.tree for one in found.patches)
    assert all(one.patch.startswith("diff --git a/stats.py b/stats.py\nindex ") for one in found.patches)


async def test_what_cannot_be_judged_is_counted_by_its_reason_and_told(tmp_path: Path) -> None:
    bad = {
        "": EMPTY,
        " \n": EMPTY,
        added("tests/test_more.py"): TESTS,
        added("sub/conftest.py"): TESTS,
        "no patch at all": FAULTY,
        patch("0", context="def median(values):"): FAULTY,
        patch("0", path="gone.py"): FAULTY,
        added("../outside.py"): FAULTY,
        added(".git/hooks/pre-commit"): FAULTY,
        "GIT binary patch\nliteral 99999999999\n": FAULTY,
    }  # fmt: skip
    found, told = await gathered(tmp_path, dict.fromkeys(bad, 2) | {patch("0"): 1})
    assert [one.sources for one in found.patches] == [1]
    assert found.left_out == {TESTS: 4, EMPTY: 4, FAULTY: 12}
    assert list(found.left_out) == sorted(found.left_out)
    assert told.keys() == bad.keys()
    assert "more than 64 MiB" in told["GIT binary patch\nliteral 99999999999\n"]


async def test_a_patch_of_the_build_alone_is_a_candidate(tmp_path: Path) -> None:
    found, _ = await gathered(tmp_path, {added("setup.py"): 1})
    assert len(found.patches) == 1 and found.left_out == {}


async def test_a_binary_patch_and_bytes_that_are_no_text_are_applied(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "made")
    first = kit.commit(dict(FILES))
    second = kit.commit({"logo.png": bytes(range(256)), "latin.txt": "größer\n".encode("latin-1")})
    repository, base = await kit.opened()
    trees = [await repository.tree_of(await repository.resolve(one)) for one in (first, second)]
    assert base == trees[1]
    found, told = await gathered(tmp_path, {await repository.diff(*trees): 1, added("l.txt", "gr\udcf6"): 1})
    assert not told and trees[1] in {one.tree for one in found.patches} and len(found.patches) == 2


async def test_of_too_many_one_stands_for_each_form_and_all_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_JUDGED", 2)
    texts = {patch("0"): 1, patch("0  # none"): 2, patch("(0)"): 1, patch("1"): 2, patch("2"): 1}
    found, _ = await gathered(tmp_path, texts)
    assert sorted(one.sources for one in found.patches) == [2, 4]
    assert [one.sources for one in found.patches if "# none" in one.patch] == [4], "the commonest stands"
    assert found.left_out == {BEYOND: 1}


def test_of_too_many_texts_the_commonest_forms_are_kept_whatever_their_order() -> None:
    counts = {f"{form}{number}": 1 for form, many in (("a", 5), ("b", 3), ("c", 1)) for number in range(many)}
    kept, left = folded(counts, lambda one: one[0], 2)
    assert sorted((one[0], count) for one, count in kept.items()) == [("a", 5), ("b", 3)] and left == 1
    assert folded(dict(reversed(counts.items())), lambda one: one[0], 2) == (kept, left)
    assert folded(counts, lambda one: one[0], 9) == (counts, 0)
