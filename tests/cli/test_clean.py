import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job import Desk, assert_clean

NOTHING = "nothing was left behind."
DIES = (
    "import os, sys\nfrom swe_scale.config import cache_folder\n"
    "from swe_scale.sandbox.owner import owner, registered\n"
    "with registered(sys.argv[1]):\n"
    "    (cache_folder() / 'forks' / f'{owner()}-0123').mkdir(parents=True)\n"
    "    print(owner(), flush=True)\n    sys.stdin.read()\n    os.kill(os.getpid(), 9)\n"
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    # Nothing but this desk's own folders: what others left is theirs.
    found = Desk(tmp_path, {"DOCKER_HOST": f"unix://{tmp_path}/absent.sock"})
    found.environment["TMPDIR"] = str(tmp_path)
    return found


def process(desk: Desk, run: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DIES, run], env=desk.variables(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def die(desk: Desk, run: str) -> str:
    with process(desk, run) as killed:
        owner, _ = killed.communicate()
    return owner.strip()


def copies(desk: Desk) -> list[str]:
    folder = desk.folder / "cache" / "swe-scale" / "forks"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_what_is_removed_is_said(desk: Desk) -> None:
    owner = die(desk, "first")
    ran = desk.run("clean")
    assert_clean(ran, 0)
    assert f"removed: copy {desk.folder}/cache/swe-scale/forks/{owner}-0123 (of run first)" in ran.stdout
    assert copies(desk) == []


def test_a_run_is_cleaned_by_its_name(desk: Desk) -> None:
    first, second = die(desk, "first"), die(desk, "second")
    ran = desk.run("clean", "--name", "neither")
    assert_clean(ran, 0)
    assert ran.stdout == f"{NOTHING}\n"
    document = json.loads(desk.run("clean", "--name", "second", "--json").stdout)
    assert [one["runs"] for one in document["removed"]] == [["second"]] and document["failures"] == []
    assert copies(desk) == [f"{first}-0123"] and second


def test_what_goes_on_is_spared(desk: Desk) -> None:
    with process(desk, "going") as going:
        assert going.stdout is not None
        owner = going.stdout.readline().strip()
        assert_clean(desk.run("clean", "--all"), 2, "would break what is going on", "run going", "--force")
        assert desk.run("clean", "--name", "going").stdout == f"{NOTHING}\n"
        assert copies(desk) == [f"{owner}-0123"]
        ran = desk.run("clean", "--name", "going", "--force")
        assert_clean(ran, 0)
        assert copies(desk) == [] and going.poll() is None


def test_options_that_do_not_go_together_are_refused(desk: Desk) -> None:
    assert_clean(desk.run("clean", "--all", "--name", "x"), 2, "give one of them")
    assert_clean(desk.run("clean", "--force"), 2, "say which, by --name NAME or --all")


def configured(desk: Desk, base_url: str) -> tuple[str, str]:
    file = desk.folder / "config.toml"
    file.write_text(f'[sandbox]\nkind = "docker"\nbase_url = "{base_url}"\n')
    return "--config", str(file)


@pytest.fixture
def deaf(desk: Desk) -> Iterator[str]:
    """A socket that nobody listens on any more."""
    path = desk.folder / "deaf.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
        yield f"unix://{path}"


def test_a_service_that_does_not_answer_is_named_and_the_host_cleaned_all_the_same(
    desk: Desk, deaf: str
) -> None:
    (desk.folder / "plain").touch()
    for base_url, reason in (
        (f"unix://{desk.folder}/absent.sock", "its socket isn't there"),
        (f"unix://{desk.folder}/plain", "nothing listens on its socket"),
        (deaf, "nothing listens on its socket"),
        ("nonsense://x", "nonsense"),
    ):
        die(desk, "first")
        ran = desk.run("clean", *configured(desk, base_url))
        assert_clean(ran, 1)
        assert copies(desk) == [] and "removed: copy" in ran.stdout
        last = ran.stdout.splitlines()[-1]
        assert last.startswith(f"containers were not looked for: the container service at {base_url}")
        assert reason in last


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_socket_that_is_closed_to_the_user_is_named(desk: Desk) -> None:
    path = desk.folder / "closed.sock"
    code = (
        "import os, sys, docker\nfrom swe_scale.sandbox.choice import why_not_docker\n"
        "os.setgid(65534); os.setuid(65534)\nprint(why_not_docker(sys.argv[1]))\n"
    )
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
        bound.listen()
        path.chmod(0o600)
        for folder in (path.parent, *path.parents):
            if str(folder).startswith("/tmp/pytest"):
                folder.chmod(0o755)
        ran = subprocess.run([sys.executable, "-c", code, f"unix://{path}"], capture_output=True, text=True)
    assert ran.stdout == "its socket is closed to this user\n", ran.stderr
