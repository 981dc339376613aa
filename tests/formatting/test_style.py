"""Candidates in the project's own form, by real formatters in a sandbox."""

import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from solving_kit import Desk, Spoken, open_desk

from swe_scale.errors import SandboxError
from swe_scale.formatting import Style
from swe_scale.records import Changes, File
from swe_scale.sandbox import Sandbox

pytestmark = pytest.mark.anyio

Open = Callable[..., AbstractAsyncContextManager[Desk]]
RUFF = str(Path(sys.executable).with_name("ruff"))
HOOK = "repos:\n- repo: local\n  hooks:\n  - id: own\n    entry: {}\n    language: system\n    files: {}\n"
TABS = HOOK.format("sed -i 's/\\t/    /g'", r"\.py$")
FILES = {
    "good.py": "def f(a):\n    return a\n",
    "other.py": "def g(a):\n    return a\n",
    "tabs.py": "def t(a):\n\treturn a\n",
    "swe-scale.toml": "[environment]\nsetup = []\n",
}


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def open_it(hooks: str, more: Mapping[str, str] = {}) -> AsyncIterator[Desk]:
        texts = {**FILES, ".pre-commit-config.yaml": hooks, **more}
        files = {path: text.encode() for path, text in texts.items()}
        async with open_desk(tmp_path, Spoken({}), files=files) as desk:
            yield desk

    return open_it


async def styled(desk: Desk, changed: Mapping[str, str | None], seconds: float = 60.0) -> dict[str, str]:
    """Return the changes of a candidate after formatting."""
    changes: Changes = {
        path: None if text is None else File(mode="100644", data=text.encode())
        for path, text in changed.items()
    }
    tree = await desk.trees.write(desk.trees.base, changes)
    done = await Style(desk.setting.cells, desk.trees, seconds).styled(tree)
    found = await desk.trees.changes(done)
    return {path: "" if file is None else file.data.decode() for path, file in found.items()}


async def test_a_changed_file_takes_the_form_of_the_house(opened: Open) -> None:
    async with opened(TABS) as desk:
        made = await styled(desk, {"good.py": "def f(a):\n\treturn a + 1\n", "notes.txt": "\tx\n"})
        assert made == {"good.py": "def f(a):\n    return a + 1\n", "notes.txt": "\tx\n"}
        assert not [one for one in desk.events if "/style/" in one.step]


async def test_a_file_that_was_not_in_form_is_left_alone(opened: Open) -> None:
    async with opened(TABS) as desk:
        changed = {"tabs.py": "def t(a):\n\treturn a + 1\n"}
        assert await styled(desk, changed) == changed


async def test_a_new_file_is_formatted_where_those_beside_it_are(opened: Open) -> None:
    wild = {f"wild/{name}.py": "if 1:\n\tpass\n" for name in "abc"}
    async with opened(TABS, wild) as desk:
        made = await styled(desk, {"new.py": "if 2:\n\tpass\n", "wild/new.py": "if 2:\n\tpass\n"})
        assert made == {"new.py": "if 2:\n    pass\n", "wild/new.py": "if 2:\n\tpass\n"}


async def test_two_that_become_equal_are_one_tree_and_the_base_stays(opened: Open) -> None:
    async with opened(TABS) as desk:
        style = Style(desk.setting.cells, desk.trees)
        trees = [
            await desk.trees.write(desk.trees.base, {"good.py": File(mode="100644", data=text)})
            for text in (b"def f(a):\n\treturn 1\n", b"def f(a):\n    return 1\n", b"def f(a):\n\treturn a\n")
        ]
        first, second, third = [await style.styled(tree) for tree in trees]
        assert first == second == trees[1]
        assert third == await style.styled(desk.trees.base) == desk.trees.base
        made = desk.steps.made
        assert await Style(desk.setting.cells, desk.trees).styled(trees[0]) == first
        assert desk.steps.made == made


async def test_the_simplest_hooks_need_no_program(opened: Open) -> None:
    hooks = (
        "repos:\n- repo: https://example.org/hooks\n  rev: v1\n  hooks:\n"
        "  - id: end-of-file-fixer\n  - id: trailing-whitespace\n"
    )
    async with opened(hooks) as desk:
        made = await styled(desk, {"good.py": "def f(a):  \n    return 2"})
        assert made == {"good.py": "def f(a):\n    return 2\n"}


async def test_ruff_takes_its_settings_from_the_base(opened: Open) -> None:
    settings = "[tool.ruff]\nline-length = 40\n[tool.ruff.format]\nquote-style = 'single'\n"
    hooks = HOOK.format(f"{RUFF} format -q", r"\.pyi?$")
    async with opened(hooks, {"pyproject.toml": settings}) as desk:
        made = await styled(
            desk,
            {
                "good.py": 'def f(a):\n    return  "a" + a\n',
                "pyproject.toml": settings.replace("single", "double"),
            },
        )
        assert made["good.py"] == "def f(a):\n    return 'a' + a\n"
        assert "double" in made["pyproject.toml"]


BLANKS = "- repo: https://example.org/hooks\n  rev: v1\n  hooks:\n  - id: trailing-whitespace\n"


@pytest.mark.parametrize(
    "name", ["setup.cfg", "pyproject.toml", "package.json", "deep/.clang-format", ".prettierrc.cjs"]
)
async def test_no_program_sees_a_candidates_settings(opened: Open, name: str) -> None:
    hook = (
        "grep -rqs evil setup.cfg pyproject.toml package.json deep .prettierrc.cjs || sed -i 's/\\t/    /g' "
    )
    tool = f'#!/bin/sh\n{hook}"$@"\n'
    hooks = HOOK.format("sh ./fmt.sh", "''") + BLANKS
    async with opened(hooks, {"fmt.sh": tool, name: "# kind\n", "deep/x.py": "x = 1\n"}) as desk:
        made = await styled(desk, {"good.py": "if 1:\n\tpass \n", name: "# evil  \n\t# x\n"})
        assert made == {"good.py": "if 1:\n    pass\n", name: "# evil\n\t# x\n"}


@pytest.mark.parametrize(
    ("entry", "note"),
    [
        ("no-such-formatter-anywhere", "own is the project's formatter but isn't in the environment"),
        ('sh -c \'for f; do echo "import evil" >>"$f"; done\' --', ""),
        (
            "sh -c 'grep -q 5 good.py && echo \"import evil\" >>good.py; :' --",
            "changed more of good.py than its form",
        ),
        ("sh -c 'grep -q 5 good.py && rm good.py; :' --", "changed more of good.py than its form"),
        (
            "sh -c 'grep -q 5 good.py && ln -sf /etc/passwd good.py; :' --",
            "changed more of good.py than its form",
        ),
        ("sh -c 'grep -q 5 good.py && sleep 600; :' --", "own took too long"),
        ("sh -c 'exit 3' --", ""),
        ("sh -c 'echo x >other.py; echo y >evil.py; :' --", ""),
    ],
)
async def test_a_formatter_that_is_missing_hostile_or_slow_changes_nothing(
    opened: Open, entry: str, note: str
) -> None:
    async with opened(HOOK.format(entry, r"\.py$")) as desk:
        changed = {"good.py": "def f(a):\n    return 5\n"}
        assert await styled(desk, changed, seconds=6.0) == changed
        assert any(note in one for one in desk.texts("note"))


async def test_a_candidate_cannot_bring_its_own_formatter(opened: Open, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    tool = "#!/bin/sh\nsed -i 's/\\t/    /g' \"$@\"\n"
    hooks = HOOK.format("sh ./tool.py", r"\.py$")
    async with opened(hooks, {"tool.py": tool}) as desk:
        assert (await styled(desk, {"good.py": "if 1:\n\tpass\n"}))["good.py"] == "if 1:\n    pass\n"
        evil = {"tool.py": f"touch {mark}\n", "good.py": "if 1:\n\tpass\n"}
        assert await styled(desk, evil) == evil
        assert not mark.exists()


async def test_without_formatters_nothing_runs(opened: Open) -> None:
    async with opened("") as desk:
        made = desk.steps.made
        changed = {"good.py": "x=1\n"}
        assert await styled(desk, changed) == changed
        assert desk.steps.made == made


PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where programs are found in a sandbox."""


class Lost:
    """A template without sandboxes."""

    def fork(self, *given: object, **named: object) -> AbstractAsyncContextManager[Sandbox]:
        raise SandboxError("it is gone")


REAL = [
    (
        "gofmt",
        {"go.mod": "module x\n", "a.go": "package x\n\nvar a = 1\n"},
        "a.go",
        "package x\nvar   a = 2\n",
    ),
    ("clang-format", {".clang-format": "BasedOnStyle: LLVM\n", "a.c": "int a = 1;\n"}, "a.c", "int   a=2;\n"),
    ("rustfmt", {"Cargo.toml": "[package]\n", "a.rs": "fn f() {}\n"}, "a.rs", "fn f(){ }\n"),
]


@pytest.mark.parametrize(
    ("base", "path", "text"),
    [one[1:] for one in REAL if shutil.which(one[0], path=PATH)] or [({}, "good.py", "")],
)
async def test_formatters_of_other_languages(
    opened: Open, base: dict[str, str], path: str, text: str
) -> None:
    async with opened("", base) as desk:
        made = await styled(desk, {path: text})
        assert (made[path] != text) is bool(base)


async def test_a_lost_sandbox_leaves_the_candidate_as_it_is(opened: Open) -> None:
    async with opened(TABS) as desk:
        changes = {"good.py": File(mode="100644", data=b"if 1:\n\tpass\n")}
        tree = await desk.trees.write(desk.trees.base, changes)
        cells = replace(desk.setting.cells, template=Lost())
        assert await Style(cells, desk.trees).styled(tree) == tree
        assert any("stays as it is: it is gone" in one for one in desk.texts("note"))
        assert await Style(desk.setting.cells, desk.trees).styled(tree) != tree
