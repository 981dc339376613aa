"""Trees to patches and back: git's own diff and apply, on object stores only."""

import os
import tempfile
from pathlib import Path, PurePosixPath

from swe_scale import patch as text
from swe_scale.errors import PatchError
from swe_scale.repo.git import Answer, Git, object_id
from swe_scale.repo.objects import Difference, check_entry, compare, read_blobs

_DIFF = ("diff-tree", "-p", "--binary", "--full-index", "-l1000", "--no-ext-diff", "--no-textconv")
_EMPTY = "The patch holds no difference. A unified diff with ---, +++ and @@ lines is needed."


async def diff(git: Git, base: str, tree: str) -> str:
    """Return the patch from one tree to another as git writes it; always text, always complete.

    A file whose changed lines aren't UTF-8 is written as a git binary patch.

    Raises:
        RepositoryError: one of the trees isn't in the store.
    """
    command = (*_DIFF, "-M", object_id(base), object_id(tree))
    raw = await git.ask(*command)
    if b"\nrename from " in raw and _changes_kind(text.touched(os.fsdecode(raw))):
        command = (*_DIFF, "--no-renames", base, tree)
        raw = await git.ask(*command)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return await _diff_as_text(git, command, raw)


def _changes_kind(paths: tuple[str, ...]) -> bool:
    """Return whether one path is a folder of another: git doesn't apply its own renames of that kind."""
    every = set(paths)
    return any(str(folder) in every for path in paths for folder in PurePosixPath(path).parents)


async def _diff_as_text(git: Git, command: tuple[str, ...], raw: bytes) -> str:
    patterns = "".join(f"{_pattern(path)} -diff\n" for path in _undecodable(raw))
    # Git ignores attribute lines that are too long for it; then everything is written as binary.
    ways = ((patterns, "false"), (patterns, "true"), ("* -diff\n", "true"))
    with tempfile.NamedTemporaryFile(dir=git.home.parent, prefix="attributes-") as file:
        for attributes, quoting in ways:
            file.seek(0)
            file.truncate()
            file.write(os.fsencode(attributes))
            file.flush()
            own = git.setting(f"core.attributesFile={file.name}", f"core.quotePath={quoting}")
            raw = await own.ask(*command)
            try:
                return raw.decode("utf-8")
            except UnicodeDecodeError:
                continue
    raise AssertionError("a diff of binary patches and quoted names is ASCII")


def _undecodable(raw: bytes) -> list[str]:
    """Return the paths of those files of a patch whose part isn't UTF-8."""
    paths: set[str] = set()
    for section in raw.split(b"\ndiff --git "):
        try:
            section.decode("utf-8")
        except UnicodeDecodeError:
            whole = section if section.startswith(b"diff --git ") else b"diff --git " + section
            paths.update(text.touched(os.fsdecode(whole + b"\n")))
    return sorted(paths)


def _pattern(path: str) -> str:
    """Return the attribute pattern that matches this path alone."""
    literal = "".join(f"\\{character}" if character in "\\*?[" else character for character in path)
    quoted = literal.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"/{quoted}"'


async def apply(git: Git, base: str, patch: str) -> str:
    """Return the tree that comes of applying a patch; an empty patch gives the base itself.

    Raises:
        PatchError: it doesn't apply, holds no difference, changes a submodule, or a path or a symbolic
            link of it leaves the work tree; names the file and, where git tells it, the line.
        RepositoryError: the base isn't in the store.
    """
    if not patch.strip():
        return object_id(base)
    try:
        patch.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise PatchError("The patch is not text: it holds half of a character.") from None
    if not (paths := text.touched(patch)):
        raise PatchError(
            "The patch holds no difference. A unified diff with ---, +++ and @@ lines is needed."
        )
    for path in paths:
        text.check_path(path)
    with tempfile.TemporaryDirectory(
        dir=git.home.parent, prefix="apply-", ignore_cleanup_errors=True
    ) as folder:
        tree = await _apply(git, base, patch, Path(folder) / "index")
    for one in (differences := await compare(git, base, tree)):
        text.check_path(one.path)
        check_entry(one)
    await _check_links(git, differences)
    return tree


async def _apply(git: Git, base: str, patch: str, index: Path) -> str:
    assert git.git_dir is not None
    indexed = git.at(git.git_dir, GIT_INDEX_FILE=str(index))
    await indexed.ask("read-tree", object_id(base))
    command = ("apply", "--cached", "--whitespace=nowarn", f"-p{text.strip_level(patch)}", "-")
    answers: list[Answer] = []
    for form in text.newline_forms(patch):
        raw = form.encode("utf-8", "surrogateescape")
        answers.append(await indexed.run(*command, input=raw if raw.endswith(b"\n") else raw + b"\n"))
        if answers[-1].code == 0:
            return (await indexed.ask("write-tree")).decode("ascii").strip()
    reason = answers[0].reason
    raise PatchError(_EMPTY if "No valid patches" in reason else f"The patch doesn't apply: {reason}")


async def _check_links(git: Git, differences: tuple[Difference, ...]) -> None:
    links = {one.path: one.blob for one in differences if one.mode == "120000"}
    targets = await read_blobs(git, links.values())
    for path, blob in links.items():
        text.check_link(path, targets[blob])
