"""Version, changelog and tag agree, and a release is made of them; nothing else passes."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts" / "lib"))

from releasing import (  # noqa: E402
    UNRELEASED,
    ReleaseError,
    check,
    declared,
    line_of,
    main,
    notes,
    numbers,
    prepare,
    sections,
)

DAY = date(2026, 1, 31)
HEAD = "# Changelog\n\nSome words.\n\n"
NEWS = "## [Unreleased]\n\n### Added\n- A thing.\n"
OLD = "\n## [0.1.0] - 2025-12-01\n\n### Added\n- All of it.\n"


def project(folder: Path, version: str, changelog: str) -> Path:
    (folder / "pyproject.toml").write_text(f'[project]\nname = "it"\nversion = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(HEAD + changelog)
    return folder


def test_those_of_this_checkout_agree() -> None:
    version = check(ROOT)
    assert sections((ROOT / "CHANGELOG.md").read_text())[0].name == UNRELEASED
    at_head = ["git", "tag", "--points-at", "HEAD", "--list", "v*.*.*"]
    tags = subprocess.run(at_head, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert tags in ([], [f"v{version}"])


def test_a_first_and_a_second_release(tmp_path: Path) -> None:
    root = project(tmp_path, "0.1.0", NEWS)
    prepare(root, "0.1.0", DAY)
    assert (root / "CHANGELOG.md").read_text() == (
        HEAD + "## [Unreleased]\n\n## [0.1.0] - 2026-01-31\n\n### Added\n- A thing.\n"
    )
    assert check(root, "v0.1.0") == "0.1.0"
    text = (root / "CHANGELOG.md").read_text()
    (root / "CHANGELOG.md").write_text(text.replace("## [Unreleased]\n", "## [Unreleased]\n- More.\n"))
    prepare(root, "0.2.0", DAY)
    assert declared(root) == "0.2.0"
    assert notes(root, "v0.2.0") == "- More.\n"
    assert [one.name for one in sections((root / "CHANGELOG.md").read_text())] == [
        UNRELEASED,
        "0.2.0",
        "0.1.0",
    ]
    assert sections((root / "CHANGELOG.md").read_text())[2].text == "### Added\n- A thing."


@pytest.mark.parametrize(
    ("changelog", "version", "said"),
    [
        (NEWS + OLD, "0.1.0", "not newer than 0.1.0"),
        (NEWS + OLD, "0.0.9", "not newer than 0.1.0"),
        (NEWS + OLD, "0.2", "write three numbers"),
        (NEWS + OLD, "0.2.0rc1", "write three numbers"),
        (NEWS + OLD, "v0.2.0", "write three numbers"),
        (NEWS + OLD, "0.02.0", "write three numbers"),
        ("## [Unreleased]\n" + OLD, "0.2.0", "nothing to release"),
    ],
)
def test_what_cannot_be_released_changes_nothing(
    changelog: str, version: str, said: str, tmp_path: Path
) -> None:
    root = project(tmp_path, "0.1.0", changelog)
    with pytest.raises(ReleaseError, match=said):
        prepare(root, version, DAY)
    assert (declared(root), (root / "CHANGELOG.md").read_text()) == ("0.1.0", HEAD + changelog)


@pytest.mark.parametrize(
    ("version", "changelog", "tag", "said"),
    [
        ("0.1.0", NEWS + OLD, "v0.1.1", "must be v0.1.0"),
        ("0.1.0", NEWS + OLD, "0.1.0", "must be v0.1.0"),
        ("0.1.0", NEWS + OLD, "v0.1.0\n", "must be v0.1.0"),
        ("0.1.0", NEWS + OLD, "v0.1.0;" + "x" * 999, "must be v0.1.0"),
        ("0.1.0", NEWS, "v0.1.0", "says nothing of 0.1.0"),
        ("0.2.0", NEWS + OLD, None, "says 0.2.0, the newest of CHANGELOG.md is 0.1.0"),
        ("0.1", NEWS, None, "write three numbers"),
        ("0.1.0", OLD, None, "must begin with a section"),
        ("0.1.0", "", None, "must begin with a section"),
        ("0.1.0", NEWS + OLD.replace("2025-12-01", "yesterday"), None, "write the day of 0.1.0"),
        ("0.1.0", NEWS + OLD.partition("\n\n")[0] + "\n", None, "says nothing of 0.1.0"),
        ("0.1.0", NEWS + OLD + OLD, None, "newest first"),
        ("0.1.0", NEWS + OLD + OLD.replace("0.1.0", "0.1.1"), None, "newest first"),
    ],
)
def test_what_disagrees_is_refused(
    version: str, changelog: str, tag: str | None, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ReleaseError, match=said) as caught:
        check(project(tmp_path, version, changelog), tag)
    assert len(str(caught.value)) < 300


def test_the_moving_tag_promises_what_versions_do() -> None:
    assert [line_of(one) for one in ("0.1.0", "0.1.9", "0.2.0", "1.0.0", "1.9.3", "12.0.1")] == [
        "v0.1",
        "v0.1",
        "v0.2",
        "v1",
        "v1",
        "v12",
    ]
    assert numbers("10.0.2") == (10, 0, 2)


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out == f"{check(ROOT)}\n"
    assert main(["line", "v1.2.3"]) == 0
    assert capsys.readouterr().out == "v1\n"
    assert main(["check", "v999.0.0"]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("Error: the tag is 'v999.0.0'")
    assert main(["line", "$(touch x)"]) == 2
