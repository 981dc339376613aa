"""Asks which paths a tree's own .gitignore files leave out, without any work tree of its files."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from swe_scale.patch import check_path
from swe_scale.repo.git import Git

NAME = ".gitignore"


async def ignored(git: Git, rules: Mapping[str, bytes], paths: Iterable[str]) -> set[str]:
    """Return those paths that the rules leave out.

    Args:
        git: the store.
        rules: content of every .gitignore file, by its path in the tree.
        paths: files, whether they exist or not.

    Raises:
        PatchError: a path leaves the work tree.
        RepositoryError: git failed.
    """
    asked = sorted(set(paths))
    for path in (*asked, *rules):
        check_path(path)
    if not asked or not rules:
        return set()
    with tempfile.TemporaryDirectory(dir=git.home.parent, prefix="ignore-") as folder:
        place = Path(folder)
        _write(place, rules)
        assert git.git_dir is not None
        asker = git.at(git.git_dir, GIT_WORK_TREE=folder, GIT_INDEX_FILE=f"{folder}.index")
        question = b"".join(os.fsencode(path) + b"\0" for path in asked)
        answer = await asker.run("check-ignore", "--no-index", "--stdin", "-z", input=question, cwd=place)
    output = answer.checked("check-ignore", 1)
    return {os.fsdecode(path) for path in output.split(b"\0") if path}


def _write(folder: Path, rules: Mapping[str, bytes]) -> None:
    for path, data in rules.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
