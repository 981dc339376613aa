import json
import os
from pathlib import Path

import pytest
from main_job import Desk, assert_clean, complaint


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, {"DOCKER_HOST": f"unix://{tmp_path}/absent.sock"})


def environment(desk: Desk, digest: str, when: int) -> Path:
    root = desk.folder / "cache" / "swe-scale" / "environments" / "bubblewrap" / digest
    root.mkdir(parents=True)
    (root / "environment.json").write_bytes(bytes(4096))
    stamp = root.with_name(f"{digest}.used")
    stamp.touch()
    os.utime(stamp, (when, when))
    return root


def test_nothing_is_listed_as_nothing(desk: Desk) -> None:
    ran = desk.run("images", "list")
    assert_clean(ran, 0, "nothing is kept.")
    assert json.loads(desk.run("images", "list", "--json").stdout) == {"images": []}


def test_what_is_kept_is_listed_without_a_service(desk: Desk) -> None:
    environment(desk, "aa", 2000), environment(desk, "bb", 1000)
    ran = desk.run("images", "list")
    assert_clean(ran, 0)
    head, *rows = ran.stdout.splitlines()
    assert head.split() == ["NAME", "KIND", "SIZE", "MADE", "LAST", "USED", "IN", "USE", "BY"]
    assert [row.split()[:2] for row in rows] == [
        ["bubblewrap/bb", "environment"],
        ["bubblewrap/aa", "environment"],
    ]
    assert "1970-01-01" in rows[0]
    document = json.loads(desk.run("images", "list", "--json").stdout)
    assert [one["size"] for one in document["images"]] == [4096, 4096]
    assert document["images"][0]["users"] == []


def test_room_is_made(desk: Desk) -> None:
    root = environment(desk, "aa", 1000)
    ran = desk.run("images", "prune", "--keep-free", "1KB")
    assert_clean(ran, 0)
    assert ran.stdout.startswith("0 removed, 0 B that nothing else shared; ")
    ran = desk.run("images", "prune", "--keep-free", "999999TB", "--dry-run")
    assert_clean(ran, 1)
    assert ran.stdout.splitlines()[0] == "would be removed: environment bubblewrap/aa, 4.1 KB"
    assert "less than the 999999 TB asked for" in ran.stdout
    assert root.exists()
    ran = desk.run("images", "prune", "--keep-free", "999999TB", "--json")
    assert_clean(ran, 1)
    document = json.loads(ran.stdout)
    assert [one["name"] for one in document["removed"]] == ["bubblewrap/aa"]
    assert (document["reached"], document["dry_run"], document["failures"]) == (False, False, [])
    assert not root.exists()


@pytest.mark.parametrize("size", ["", "5x", "-1GB", "1.2.3GB", "GB", "1 iB", "nan", "1e9", "٣GB"])
def test_what_is_no_amount_is_refused(desk: Desk, size: str) -> None:
    assert_clean(desk.run("images", "prune", f"--keep-free={size}"), 2, "write one such as 50GB")


def test_a_service_that_is_asked_for_must_answer(desk: Desk) -> None:
    file = desk.folder / "config.toml"
    file.write_text(f'[sandbox]\nkind = "docker"\nbase_url = "unix://{desk.folder}/absent.sock"\n')
    for command in ("list", "build", "prune --keep-free 1GB"):
        ran = desk.run("images", *command.split(), "--config", str(file))
        assert_clean(ran, 1, "its socket isn't there")
        assert len(complaint(ran)) <= 2
