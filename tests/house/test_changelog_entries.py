"""Users are told of a change where and as the project tells them, and nothing else in the file changes."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.house.base import Base
from swe_scale.house.change import Change
from swe_scale.house.fragments import Entry
from swe_scale.house.living import add_entry
from swe_scale.house.manner import manner_of
from swe_scale.repo import Past

CHANGE = Change(
    summary="Handle empty `names` of @bob.",
    issue=12,
    paths=("src/core/a.py",),
    written=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
)
NEW = "Handle empty `names` of `@bob`."
TOWNCRIER = b"[tool.towncrier]\ndirectory = 'news'\nfilename = 'CHANGES.rst'\n"


def entry(
    files: dict[str, bytes], *, touching: str = "", change: Change = CHANGE, also: tuple[str, ...] = ()
) -> Entry:
    past = [Past("Fix a crash", ("src/core/a.py", touching), "A <a@b>", "A <a@b>")] * 20
    return manner_of(Base((*files, *also), files), past).changelog(change)


def text_of(found: Entry) -> tuple[str, str]:
    assert found.edit is not None, found.reason
    return found.edit.path, found.edit.data.decode()


RST = "Handle empty ``names`` of ``@bob``.\n"
FIXED = b"[[tool.towncrier.type]]\ndirectory = 'fixed'\n"
SECTIONS = b"""[tool.towncrier]
package = 'p'
package_dir = 'src'
[[tool.towncrier.section]]
path = ''
[[tool.towncrier.section]]
path = 'core'
"""
CHANGIE = b"kinds:\n  - label: Added\n  - label: Fixed\ncustom:\n  - key: Issue\n"
SLUG = "handle-empty-names-of-at-bob"


@pytest.mark.parametrize(
    ("files", "path", "text"),
    [
        ({"pyproject.toml": TOWNCRIER, "news/7.fix.rst": b"x"}, "news/12.bugfix.rst", RST),
        ({"pyproject.toml": TOWNCRIER, "news/7.doc.md": b"x"}, "news/12.bugfix.md", f"{NEW}\n"),
        ({"pyproject.toml": TOWNCRIER, "news/7.doc": b"x"}, "news/12.bugfix", RST),
        ({"pyproject.toml": TOWNCRIER + FIXED, "news/.gitkeep": b""}, "news/12.fixed.rst", RST),
        (
            {"towncrier.toml": SECTIONS, "src/p/core/newsfragments/.gitignore": b""},
            "src/p/core/newsfragments/12.bugfix.rst",
            RST,
        ),
        (
            {"changelog.d/7.bugfix": b"x"},
            "changelog.d/12.bugfix",
            "Handle empty `names` of (at)bob.\n",
        ),
        (
            {"pyproject.toml": b"[tool.scriv]\nformat = 'md'\n", "changelog.d/x.md": b""},
            f"changelog.d/20240506_070809_{SLUG}.md",
            f"### Fixed\n\n- {NEW}\n",
        ),
        (
            {".changeset/config.json": b"{}", "package.json": b'{"name": "@o/p"}'},
            f".changeset/{SLUG}-XXXX.md",
            f"---\n'@o/p': patch\n---\n\n{NEW}\n",
        ),
        (
            {"releasenotes/notes/x-0.yaml": b"---\n"},
            f"releasenotes/notes/{SLUG}-XXXXXXXXXXXXXXXX.yaml",
            f"---\nfixes:\n  - |\n    {RST}",
        ),
        (
            {".changie.yaml": CHANGIE, ".changes/unreleased/.gitkeep": b""},
            ".changes/unreleased/Fixed-20240506-070809.yaml",
            f"kind: Fixed\nbody: '{NEW}'\ntime: 2024-05-06T07:08:09+00:00\ncustom:\n  Issue: \"12\"\n",
        ),
    ],
)
def test_a_file_for_each_change(files: dict[str, bytes], path: str, text: str) -> None:
    found, content = text_of(entry(files))
    drawn = re.sub(
        r"-([0-9a-f]{4}|[0-9a-f]{16})(?=\.(?:md|yaml)$)", lambda match: "-" + "X" * len(match[1]), found
    )
    assert (drawn, content) == (path, text)
    assert text_of(entry(files)) == (found, content), "names depend on the change alone"


@pytest.mark.parametrize(
    "files",
    [
        {
            "pyproject.toml": TOWNCRIER + b"[[tool.towncrier.type]]\ndirectory = 'feature'\n",
            "news/1.feature": b"",
        },
        {"pyproject.toml": TOWNCRIER},
        {"pyproject.toml": b"[tool.towncrier", "news/README": b""},
        {".changeset/config.json": b'{"ignore": ["p"]}', "package.json": b'{"name": "p"}'},
        {".changeset/config.json": b"[", "package.json": b'{"name": "../../x\\n"}'},
        {".changeset/config.json": b"{}", "package.json": b"[" * 100_000},
        {
            ".changie.yaml": b"kinds:\n  - label: Fixed\ncustom:\n  - key: Author\n",
            ".changes/unreleased/x": b"",
        },
        {"vendor/x/CHANGELOG.md": b"## Unreleased\n- x\n"},
        {"CHANGELOG.md": b"\0" * 9},
        {},
    ],
)
def test_nothing_is_added_where_nothing_is_for_it(files: dict[str, bytes]) -> None:
    found = entry(files, touching=next(iter(files), ""))
    assert found.edit is None and found.reason


def test_a_fragment_that_is_there_is_left_alone() -> None:
    files = {"pyproject.toml": TOWNCRIER, "news/12.bugfix.rst": b"x"}
    assert text_of(entry(files))[0] == "news/12.bugfix.1.rst"
    assert text_of(entry(files, change=Change(summary="x y")))[0] == "news/+x-y.bugfix.rst"


def test_a_folder_that_leaves_the_tree_is_refused() -> None:
    files = {"pyproject.toml": b"[tool.towncrier]\ndirectory = '../../etc'\n", "../../etc/1.bugfix": b""}
    found = entry(files)
    assert found.edit is None and "must stay below" in found.reason


def test_a_changelog_that_only_releases_touch_is_left_to_them() -> None:
    files = {"CHANGELOG.md": b"# Changelog\n\n## Unreleased\n\n- Old.\n"}
    assert entry(files).reason == "CHANGELOG.md is written at releases: 0% of 20 commits touch it"
    assert entry(files, touching="CHANGELOG.md").edit is not None


KEPT = "# Changelog\n\nAs [Keep a Changelog](https://keepachangelog.com) says.\n\n"


@pytest.mark.parametrize(
    ("path", "before", "added", "after"),
    [
        (
            "CHANGELOG.md",
            f"{KEPT}## [Unreleased]\n\n### Fixed\n\n- Old.\n",
            f"- {NEW}\n",
            "\n## [1.0.0]\n- x.\n",
        ),
        (
            "CHANGELOG.md",
            f"{KEPT}## [Unreleased]\n\n### Added\n\n- Old.\n",
            f"\n### Fixed\n\n- {NEW}\n",
            "\n## 1.0.0\n",
        ),
        ("CHANGELOG.md", f"{KEPT}## [Unreleased]\n", f"\n### Fixed\n\n- {NEW}\n", "\n## [1.0.0]\n\n- x.\n"),
        (
            "CHANGELOG.md",
            KEPT,
            f"## [Unreleased]\n\n### Fixed\n\n- {NEW}\n\n",
            "## [1.0.0] - 2024-01-01\n\n- x.\n",
        ),
        (
            "CHANGELOG.md",
            f"{KEPT}## Unreleased\n\n### Added\n- Old.\n\n",
            f"### Fixed\n\n- {NEW}\n\n",
            "### Security\n- Other.\n\n## 1.0.0\n",
        ),
        (
            "CHANGES.md",
            "## Unreleased\n\n* Old. (#1)\n* Old\n  again. (#2)\n",
            f"* {NEW} (#12)\n",
            "\n### Preview\n\n* z (#3)\n",
        ),
        ("CHANGES.md", "## 2.0 (unreleased)\n- Old\n", f"- {NEW[:-1]}\n", ""),
        ("NEWS.md", "## 2.0-dev\n\n- [BUGFIX] Old. #1\n", f"- [BUGFIX] {NEW} #12\n", "\n## 1.0\n"),
        (
            "CHANGES.rst",
            "Release 2.0 (in development)\n============\n\nBugs fixed\n----------\n\n* #7: Old.\n  By X.\n",
            "* #12: Handle empty ``names`` of ``@bob``.\n",
            "\nTesting\n-------\n\n\nRelease 1.0\n===========\n\nBugs fixed\n----------\n",
        ),
        (
            "CHANGES.rst",
            "Version 2.0\n-----------\n\nUnreleased\n\n-   Old. :issue:`7`\n",
            "-   Handle empty ``names`` of ``@bob``. :issue:`12`\n",
            "\nVersion 1.0\n-----------\n\nReleased 2024\n",
        ),
        (
            "CHANGES.txt",
            "Unreleased\n==========\n\n- Old.\n",
            "- Handle empty `names` of (at)bob.\n",
            "\n1.0\n===\n",
        ),
        (
            "CHANGES.md",
            "## Unreleased\n\n- Old.\n\n- Older.\n",
            f"\n- {NEW}\n",
            "\n## 1.0\n",
        ),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_entries_go_where_the_projects_do(path: str, before: str, added: str, after: str, end: str) -> None:
    data = (before + after).replace("\n", end).encode()
    made = add_entry(path, data, CHANGE)
    assert made is not None
    assert made.decode().replace("\r\n", "\n") == before + added + after
    assert made == (before + added + after).replace("\n", end).encode()


def test_a_missing_end_of_line_stays_missing() -> None:
    made = add_entry("CHANGES.md", b"## Unreleased\r\n\r\n- Old.", CHANGE)
    assert made == f"## Unreleased\r\n\r\n- Old.\r\n- {NEW}".encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Changelog\n",
        "## 1.0\n\n- x\n",
        "## 1.0\n- x\n\n## Unreleased\n- y\n",
        "```\n## Unreleased\n```\n",
        "text\n",
    ],
)
def test_a_file_without_a_place_is_left_alone(text: str) -> None:
    assert add_entry("CHANGELOG.md", text.encode(), CHANGE) is None


LINES = st.lists(
    st.sampled_from(
        [
            "# Changelog",
            "## [Unreleased]",
            "## 1.0.0 - 2024-01-01",
            "### Fixed",
            "### Security",
            "- a.",
            "  b",
            "* c (#1)",
            "",
            "Unreleased",
            "----",
            "====",
            "**Fixes**",
            "keepachangelog",
            "\xff\u2028\x0c",
            "```",
            "[1]: x",
            "- \u202e",
        ]
    ),
    max_size=20,
)


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.text(max_size=60))
def test_only_lines_are_added(lines: list[str], end: str, ended: bool, summary: str) -> None:
    data = (end.join(lines) + end * ended).encode() + b"\xff" * (not ended)
    made = add_entry("CHANGELOG.md", data, Change(summary=summary, issue=12))
    if made is None:
        return
    added = len(made) - len(data)
    at = next((n for n in range(len(data)) if data[n] != made[n]), len(data))
    assert added > 0
    # What was there stands before and after what was added; where both begin alike, the place is ambiguous.
    assert any(data == made[:n] + made[n + added :] for n in range(max(0, at - added), at + 1))
    assert made.count(b"\r\n") in (0, made.count(b"\n")) and (b"\r\n" in made) == (b"\r\n" in data)
