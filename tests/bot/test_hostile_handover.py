"""What a job that runs strangers' code may hand over, and what of it must never act, or stop a delivery."""

import pytest
from bot.delivery_kit import PATCH, TOKEN, Project
from git_kit import git
from pydantic import ValidationError

from swe_scale.bot.evidence import Evidence

pytestmark = pytest.mark.anyio


ACTS = "</details><img src=x> @ada Fixes #99"


async def page_of(project: Project, **changes: object) -> str:
    await project.deliver(project.answer(**changes), pull=False)
    return project.comments()[-1]


def assert_quiet(page: str) -> None:
    """Nothing of `ACTS` may stand there but as code, or escaped."""
    assert "<img" not in page.replace("\\<img", "")
    assert "@ada" not in page.replace("`@ada`", "")
    assert "#99" not in page.replace("`#99`", "")


@pytest.mark.parametrize("field", ["unchecked", "warnings"])
async def test_lines_for_the_reader_hold_no_markup(project: Project, field: str) -> None:
    assert_quiet(await page_of(project, **{field: (ACTS, f"a\n\n{ACTS}")}))


async def test_the_language_of_a_check_ends_no_block(project: Project) -> None:
    evidence = Evidence(script="exit 0", language="sh\n```\n@ada Fixes #99 <img src=x>\n")
    assert_quiet(await page_of(project, evidence=evidence))


async def test_names_of_files_do_not_act_where_a_refusal_tells_them(project: Project) -> None:
    path = ".github/x @ada Fixes #99 <img src=x>.yml"
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n"
    added = f"{head}--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+a\n"
    delivered = await project.deliver(project.answer(patch=PATCH + added))
    assert "With `--allow-workflows`" in delivered.reason
    told = project.comments()[0].partition("<details>")[0]
    assert ".github/" in told and "`--allow-workflows`" in told
    assert_quiet(told)


async def test_a_patch_that_does_not_apply_is_told_without_acting(project: Project) -> None:
    patch = PATCH.replace("mean.py", "@ada <img src=x>.py")
    assert (await project.deliver(project.answer(patch=patch))).kind == "comment"
    assert_quiet(project.comments()[0].partition("<details>")[0])


def binary_patch(project: Project, data: bytes) -> str:
    """Return a patch that adds a file, in git's binary form."""
    folder = project.kit.folder
    (folder / "added.txt").write_bytes(data)
    git(folder, "add", "-N", "added.txt")
    attributes = folder.parent / "attributes"
    attributes.write_text("* -diff\n")
    shown = git(folder, "-c", f"core.attributesFile={attributes}", "diff", "--binary").decode()
    assert "GIT binary patch" in shown
    return shown


async def test_a_key_in_a_binary_patch_is_found(project: Project) -> None:
    patch = binary_patch(project, f"key = {TOKEN}\n".encode())
    assert "looks like a secret: the value of BOT_TOKEN" in await page_of(project, patch=patch)
    delivered = await project.deliver(project.answer(patch=patch))
    assert delivered.kind == "comment"
    assert patch.splitlines()[-2] not in project.comments()[0]


async def test_a_small_patch_that_stands_for_much_is_not_read(project: Project) -> None:
    patch = binary_patch(project, bytes(65 << 20))
    assert len(patch) < 500_000
    assert "come to 65 MiB" in await page_of(project, patch=patch)


async def test_a_patch_that_is_too_long_is_not_searched(project: Project) -> None:
    patch = PATCH.replace("+    if", f"+# {'eyJaaaaaaaaaa-' * (10 << 16)}\n+    if")
    page = await page_of(project, patch=patch)
    assert "is longer than 8 MiB" in page
    assert "eyJ" not in page


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": 10**13},
        {"usage": {"prompt_tokens": 10**4299}},
        {"usage": {"calls": -1}},
        {"usage": {"usd": float("inf")}},
        {"evidence": {"candidates": 10**4299}},
    ],
)
async def test_numbers_that_can_not_be_are_refused(project: Project, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        project.answer(**changes)
