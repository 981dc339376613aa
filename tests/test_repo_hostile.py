import shutil
from pathlib import Path

import pytest
from git_kit import Kit, git

pytestmark = pytest.mark.anyio


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path / "source")


async def test_nothing_that_a_repository_names_is_started(kit: Kit, tmp_path: Path) -> None:
    kit.commit({".gitattributes": b"* filter=evil diff=evil\n", "f": b"1\n"})
    canary, program = tmp_path / "canary", tmp_path / "evil"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {canary}\ncat\n", encoding="utf-8")
    program.chmod(0o755)
    named = ["core.fsmonitor", "core.sshCommand", "core.alternateRefsCommand", "core.pager", "core.editor"]
    named += [
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.external",
        "diff.evil.command",
    ]
    named += ["diff.evil.textconv", "uploadpack.packObjectsHook", "credential.helper", "gpg.program"]
    for name in named:
        git(kit.folder, "config", name, str(program))
    git(kit.folder, "config", "core.hooksPath", str(tmp_path / "hooks"))
    (tmp_path / "hooks").mkdir()
    for hook in (
        "post-checkout",
        "post-index-change",
        "pre-commit",
        "reference-transaction",
        "update",
        "fsmonitor",
    ):
        shutil.copy2(program, tmp_path / "hooks" / hook)
    kit.write({"f": b"2\n"})
    repository, tree = await kit.opened()
    assert await repository.dirty()
    changed = await repository.apply(tree, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+3\n")
    assert "+3\n" in await repository.diff(tree, changed)
    await repository.export(changed, tmp_path / "out", tag="v1")
    await repository.ignored(changed, ["f"])
    await repository.nearest_tag(await repository.resolve())
    assert not canary.exists()
    git(kit.folder, "add", "--renormalize", "f")
    assert canary.exists(), "the trap itself works"
