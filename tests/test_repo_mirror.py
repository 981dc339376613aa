import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest
from git_kit import Kit, git

from swe_scale.errors import RepositoryError
from swe_scale.repo import Repository

pytestmark = pytest.mark.anyio


ASKED: list[str] = []
"""Paths that were asked of the server."""


def fetches() -> int:
    """Return how often something was fetched since the last call."""
    count = sum(path.startswith("/info/refs") for path in ASKED)
    ASKED.clear()
    return count


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path / "source")


@pytest.fixture
def served(kit: Kit) -> Iterator[str]:
    """The address of a web server that offers the kit's repository as plain files."""
    root = kit.folder / ".git"

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            ASKED.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://user:secret@127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


async def test_an_address_is_mirrored_and_brought_up_to_date(kit: Kit, served: str, tmp_path: Path) -> None:
    first = kit.commit({"f": b"1"})
    git(kit.folder, "tag", "v1")
    git(kit.folder, "update-server-info")
    repository = await Repository.open(served, tmp_path / "store")
    assert await repository.resolve() == first
    assert not await repository.dirty()
    second = kit.commit({"f": b"2"})
    git(kit.folder, "update-server-info")
    assert await repository.resolve("main") == first
    later = await Repository.open(served, tmp_path / "store")
    assert await later.resolve(first) == first
    assert await later.resolve() == second
    assert await later.nearest_tag(second) == "v1"
    with pytest.raises(RepositoryError, match="has no commit 'nope'"):
        await later.resolve("nope")
    for path in (tmp_path / "store").rglob("*"):
        assert not path.is_file() or b"secret" not in path.read_bytes()


async def test_an_address_that_does_not_answer_is_said_without_its_password(
    served: str, tmp_path: Path
) -> None:
    with pytest.raises(RepositoryError, match="can't be fetched") as caught:
        await Repository.open(f"{served}/nothing/here", tmp_path / "store")
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "store" / "mirror").exists()


async def test_many_who_ask_for_one_address_at_once_fetch_it_once(
    kit: Kit, served: str, tmp_path: Path
) -> None:
    kit.commit({"f": b"1"})
    git(kit.folder, "update-server-info")
    fetches()
    opened: list[Repository] = []

    async def open_one() -> None:
        opened.append(await Repository.open(served, tmp_path / "store"))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(open_one)
    assert fetches() == 1
    later = kit.commit({"f": b"2"})
    git(kit.folder, "update-server-info")
    found: list[str] = []

    async def resolve(repository: Repository, revision: str | None) -> None:
        found.append(await repository.resolve(revision))

    async with anyio.create_task_group() as group:
        for repository in opened:
            group.start_soon(resolve, repository, later)
    assert found == [later] * 4
    assert fetches() == 1
    fresh = [await Repository.open(served, tmp_path / "store") for _ in range(4)]
    async with anyio.create_task_group() as group:
        for repository in fresh:
            group.start_soon(resolve, repository, None)
    assert found == [later] * 8
