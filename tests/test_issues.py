"""Issues from files, words, standard input and addresses that are none."""

import subprocess
import sys
from pathlib import Path

import pytest

from swe_scale.config import GitHubConfig
from swe_scale.errors import GitHubError, UsageError
from swe_scale.issues import LARGEST, Draft, find_images, read_issue, safe_id

pytestmark = pytest.mark.anyio


async def read(argument: str | Path) -> Draft:
    return await read_issue(str(argument), GitHubConfig(api="http://127.0.0.1:9"))


async def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "crash on start.md"
    path.write_bytes(b"\xef\xbb\xbf\r\n\r\n## Crash  on start\r\n\r\n  indented\r\nlast\r\n")
    draft = await read(path)
    assert draft == Draft(id="crash-on-start", title="Crash on start", body="  indented\nlast")


async def test_words() -> None:
    draft = await read("It crashes when the file is empty.")
    assert draft.title == "It crashes when the file is empty."
    assert draft.body == draft.title
    assert draft.id == (await read("It crashes when the file is empty.")).id
    assert draft.id.startswith("issue-") and len(draft.id) == 14


@pytest.mark.parametrize(
    "text", ["crash", "see a/b", "wrong in main.py when empty", "a\nb/c.py", "and/or\nx"]
)
async def test_words_that_are_no_path(text: str) -> None:
    assert (await read(text)).body


@pytest.mark.parametrize("text", ["issue.md", "docs/issue", "./missing", "/no/such/file.txt", "main.py"])
async def test_a_path_that_leads_nowhere(text: str) -> None:
    with pytest.raises(UsageError, match="does not exist; name a file, or quote the text"):
        await read(text)


@pytest.mark.parametrize("text", ["", "  \n\t ", "\n# \n##\n"])
async def test_nothing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.md"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"empty\.md is empty"):
        await read(path)
    with pytest.raises(UsageError, match="the issue is empty"):
        await read(text)


async def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        await read(tmp_path)


async def test_a_file_that_can_not_be_read() -> None:
    with pytest.raises(UsageError, match="can't be read: Input/output error"):
        await read("/proc/self/mem")


async def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "issue.md"
    path.write_bytes("Umlaut: ä".encode("latin-1"))
    with pytest.raises(UsageError, match=r"is not UTF-8 \(byte 9 is 0xe4\); save it as UTF-8"):
        await read(path)


@pytest.mark.parametrize("size", [2, 40])
async def test_a_long_file_keeps_head_and_tail(tmp_path: Path, size: int) -> None:
    path = tmp_path / "issue.md"
    path.write_text("The title\n" + "é log line\n" * (size * LARGEST // 12) + "The end\n", encoding="utf-8")
    draft = await read(path)
    assert draft.title == "The title"
    assert len(draft.body.encode()) <= LARGEST
    assert "bytes of the issue were left out here" in draft.body
    assert draft.body.endswith("The end" if size == 2 else "log line")
    assert "�" not in draft.body


async def test_long_titles_are_cut_and_stay_whole_in_the_body(tmp_path: Path) -> None:
    draft = await read("word " * 100 + "\nrest")
    assert len(draft.title) == 200
    assert draft.body.endswith("\nrest") and draft.body.startswith("word word")


async def test_hostile_words() -> None:
    for text in ("x\0y z", "\ud800 broken", "/" * 5000 + " x", "long " * 10_000):
        draft = await read(text)
        draft.body.encode()


@pytest.mark.parametrize(
    "url",
    ["https://github.com/ada/engine/pull/3", "https://github.com/ada/engine", "http://", "HTTPS://x/y.md"],
)
async def test_addresses_of_something_else(url: str) -> None:
    with pytest.raises(UsageError, match="is not the address of an issue"):
        await read(url)


async def test_an_address_is_fetched() -> None:
    with pytest.raises(GitHubError, match="can't be reached"):
        await read("https://github.com/ada/engine/issues/3")


def test_standard_input() -> None:
    code = (
        "import anyio; from swe_scale.config import GitHubConfig; from swe_scale.issues import read_issue;"
        "draft = anyio.run(read_issue, '-', GitHubConfig());"
        "print(draft.id, draft.title, draft.body, sep='|')"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], input="Title\n\nBody\n", capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("issue-")
    assert shown.stdout.endswith("|Title|Body\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada__engine-7", "ada__engine-7"),
        ("../../etc/passwd", "etc-passwd"),
        ("--force", "force"),
        (".hidden", "hidden"),
        ("a b\nc", "a-b-c"),
        ("x" * 200, "x" * 80),
    ],
)
def test_ids_are_safe(text: str, expected: str) -> None:
    assert safe_id(text) == expected


@pytest.mark.parametrize("text", ["", "...", "日本語", "\ud800", "-.-"])
def test_ids_are_never_empty(text: str) -> None:
    assert safe_id(text).startswith("issue-")


async def test_a_draft_becomes_an_issue() -> None:
    draft = (await read("Crash ![shot](https://example.org/a.png)")).on("/repo", "0" * 40)
    assert (draft.repo, draft.base_commit, draft.images) == (
        "/repo",
        "0" * 40,
        ("https://example.org/a.png",),
    )


def test_images() -> None:
    text = (
        "![a](https://example.org/1.png 'title') ![b](data:image/png;base64,xx) [c](https://example.org/no)\n"
        '<img width="3" src="https://example.org/2.png"> ![a](https://example.org/1.png)'
    )
    assert find_images(text) == ("https://example.org/1.png", "https://example.org/2.png")
    assert find_images("![" * 500_000) == ()
