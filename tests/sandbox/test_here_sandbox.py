import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from git_kit import git

from swe_scale.config import Limits, SandboxConfig
from swe_scale.environment import Options, prepare
from swe_scale.errors import UsageError
from swe_scale.events import Events
from swe_scale.records import Environment, File
from swe_scale.repo import Repository
from swe_scale.sandbox import Template, open_backend

pytestmark = [pytest.mark.anyio, pytest.mark.bubblewrap]
LIMITS = Limits(seconds=120)
KINDS = ["bubblewrap", "bubblewrap-copies", "local"]
ISOLATING = KINDS[:2]
TREE = {
    "src/counted/__init__.py": "def count(items):\n    return len(items) + 1\n",
    "tests/test_count.py": "from counted import count\n\ndef test_count():\n    assert count([1]) == 1\n",
    "setup.py": 'from setuptools import setup\nsetup(name="counted", version="1", package_dir={"": "src"})\n',
    ".gitignore": ".venv/\nnode_modules/\nbuild/\n.env\n*.egg-info/\n",
    "package.json": '{"name": "counted", "version": "1.0.0", "dependencies": {"left": "file:./left"}}\n',
    "left/package.json": '{"name": "left", "version": "2.0.0", "main": "index.js"}\n',
    "left/index.js": "module.exports = 'left';\n",
}
FIXED = "def count(items):\n    return len(items)\n"


def hashed(folder: Path) -> str:
    """Everything of a folder: paths, modes, contents, times of change."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        total.update(f"{path} {status.st_mode} {status.st_ctime_ns}".encode())
        if path.is_file() and not path.is_symlink():
            total.update(path.read_bytes())
    return total.hexdigest()


@pytest.fixture(params=["/var/tmp", "/tmp"])
def place(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where the checkout is: inside, `/tmp` is the sandbox's own."""
    with tempfile.TemporaryDirectory(dir=request.param, prefix="here-") as folder:
        yield Path(folder)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with toolchains and secrets in it, and the search path that leads to the former."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="here-") as folder:
        yield furnished_home(Path(folder) / "home", monkeypatch)


def furnished_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {
        ".ssh/id_ed25519": "ssh planted-7c1f",
        ".aws/credentials": "aws planted-7c1f",
        ".netrc": "netrc planted-7c1f",
        ".config/gh/hosts.yml": "gh planted-7c1f",
        ".docker/config.json": "docker planted-7c1f",
        ".cargo/bin/greet": '#!/bin/sh\necho greetings; cat "$(dirname $0)/../lib/words"\n',
        ".cargo/lib/words": "words\n",
        ".cargo/credentials.toml": "cargo planted-7c1f",
        ".cargo/share/doc/.netrc": "unpacked planted-7c1f",
        "notes.txt": "private planted-7c1f",
    }.items():
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (home / ".cargo/bin/greet").chmod(0o755)
    (home / ".cargo/.pypirc").symlink_to("/nonexistent/pypirc")
    os.mknod(home / ".cargo/service", stat.S_IFSOCK | 0o666)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home}/.cargo/bin:{home}/.config/gh:{home}:{os.environ['PATH']}")
    for name in ("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "MY_VARIABLE"):
        monkeypatch.setenv(name, "variable planted-7c1f")
    return home


@pytest.fixture
def checkout(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which somebody has installed the project, editable, and its packages of npm."""
    folder = place / "checkout"
    folder.mkdir()
    for name, text in TREE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q", "--initial-branch=main", "--template=")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "base")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    site = next((folder / ".venv").glob("lib/python*/site-packages"))
    (site / "__editable__.counted.pth").write_text(f"{folder / 'src'}\n")
    (folder / ".env").write_text("env planted-7c1f")
    (folder / "build").mkdir()
    (folder / "build" / "product.o").write_text("built")
    (folder / "build" / "deploy").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n planted-7c1f")
    os.utime(folder / "build" / "product.o", (1_700_000_000, 1_700_000_000))
    os.utime(folder / "setup.py", (1_600_000_000, 1_600_000_000))
    if shutil.which("npm"):
        command = ["npm", "install", "--offline", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    monkeypatch.setenv("VIRTUAL_ENV", str(folder / ".venv"))
    monkeypatch.setenv("PATH", f"{folder}/.venv/bin:{os.environ['PATH']}")
    return folder


async def prepared(
    config: SandboxConfig, checkout: Path, commit: str | None = None, events: Events | None = None
) -> Environment:
    async with open_backend(config, "tests", Events()) as backend:
        repository = await Repository.open(str(checkout), checkout.parent / "store")
        base = await repository.resolve(commit)
        return await prepare(backend, repository, base, Options(here=True), events or Events())


@asynccontextmanager
async def opened(config: SandboxConfig, environment: Environment) -> AsyncIterator[Template]:
    async with open_backend(config, "tests", Events()) as backend, backend.open(environment) as template:
        yield template


ASK = "import counted, sys; print(counted.count([]), counted.__file__, sys.prefix)"


@pytest.mark.parametrize("config", KINDS, indirect=True)
async def test_what_was_made_ready_is_used_and_never_written_to(
    config: SandboxConfig, home: Path, checkout: Path
) -> None:
    before = hashed(checkout)
    environment = await prepared(config, checkout)
    assert environment.workdir == str(checkout)
    async with opened(config, environment) as template:
        async with template.fork() as sandbox:
            first = await sandbox.run(("python", "-c", ASK), limits=LIMITS)
            await sandbox.write(
                str(checkout), {"src/counted/__init__.py": File(mode="100644", data=FIXED.encode())}
            )
            fixed = await sandbox.run(("python", "-c", ASK), limits=LIMITS)
            line = "echo more >build/more; rm package.json; greet; stat -c %Y build/product.o setup.py"
            ran = await sandbox.run(("sh", "-c", f"{line}; git log --oneline"), limits=LIMITS)
            changes = await sandbox.snapshot()
        async with template.fork() as other:
            again = await other.run(("python", "-c", ASK), limits=LIMITS)
    where = f"{checkout}/src/counted/__init__.py {checkout}/.venv\n"
    assert (first.output, fixed.output, again.output) == (f"1 {where}", f"0 {where}", f"1 {where}")
    assert ran.output.splitlines()[:4] == ["greetings", "words", "1700000000", "1600000000"]
    assert len(ran.output.splitlines()) == 5, "of the history, one commit is there"
    assert set(changes) == {"src/counted/__init__.py", "build/more", "package.json"}
    assert hashed(checkout) == before


@pytest.mark.parametrize("config", ISOLATING, indirect=True)
async def test_no_secret_is_seen(config: SandboxConfig, home: Path, checkout: Path) -> None:
    environment = await prepared(config, checkout)
    everywhere = f"grep -rs planted-7c1f {home} {checkout} /tmp /var /home; test -S $S && echo socket"
    search = f"S={home}/.cargo/service; env; ls -A {home} {home}/.cargo; cat {checkout}/.env; {everywhere}"
    async with opened(config, environment) as template, template.fork() as sandbox:
        ran = await sandbox.run(("sh", "-c", f"( {search} ) 2>&1; greet"), limits=LIMITS)
    assert " planted-7c1f" not in ran.output, ran.output
    assert ran.output.endswith("greetings\nwords\n"), ran.output
    assert not any(name in ran.output for name in (".ssh", "notes.txt", "socket")), ran.output


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
@pytest.mark.parametrize("place", ["/var/tmp"], indirect=True)
async def test_node_finds_what_npm_installed(config: SandboxConfig, home: Path, checkout: Path) -> None:
    environment = await prepared(config, checkout)
    async with opened(config, environment) as template, template.fork() as sandbox:
        ran = await sandbox.run(("node", "-p", "require('left')"), limits=LIMITS)
    found = ran.exit_code == 0 and ran.output == "left\n"
    assert found == all(map(shutil.which, ("node", "npm"))), ran.output


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
@pytest.mark.parametrize("place", ["/var/tmp"], indirect=True)
async def test_another_product_or_program_is_another_environment(
    config: SandboxConfig, home: Path, checkout: Path
) -> None:
    seen = [await prepared(config, checkout)]
    (checkout / "src/counted/__pycache__").mkdir()
    (checkout / "src/counted/__pycache__/x.pyc").write_text("cache")
    (checkout / ".env").write_text("another")
    assert await prepared(config, checkout) == seen[0]
    (checkout / "build" / "product.o").write_text("rebuilt")
    seen.append(await prepared(config, checkout))
    (checkout / ".venv/bin/tool").write_text("new")
    seen.append(await prepared(config, checkout))
    (home / ".cargo/bin/greet").write_text("#!/bin/sh\necho another version\n")
    seen.append(await prepared(config, checkout))
    assert len({each.digest for each in seen}) == 4


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
@pytest.mark.parametrize("place", ["/var/tmp"], indirect=True)
async def test_a_checkout_that_is_not_the_base_commit_is_refused(
    config: SandboxConfig, home: Path, checkout: Path
) -> None:
    base = git(checkout, "rev-parse", "HEAD").decode().strip()
    (checkout / "setup.py").write_text("changed")
    (checkout / "left" / "index.js").unlink()
    with pytest.raises(UsageError, match=r"isn't as at .*: left/index.js, setup\.py\.\nCommit or stash that"):
        await prepared(config, checkout)
    git(checkout, "commit", "-qam", "next")
    await prepared(config, checkout)
    with pytest.raises(UsageError, match=f"base commit is {base[:12]}.\nCheck that out .git switch --detach"):
        await prepared(config, checkout, base)


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
@pytest.mark.parametrize("place", ["/var/tmp"], indirect=True)
async def test_submodules_come_along_and_other_work_trees_do_not(
    config: SandboxConfig, home: Path, checkout: Path
) -> None:
    other = checkout.parent / "other"
    other.mkdir()
    (other / "inner.txt").write_text("inner\n")
    for command in (("init", "-q", "--template="), ("add", "-A"), ("commit", "-qm", "one")):
        git(other, *command)
    git(checkout, "submodule", "--quiet", "add", str(other), "sub")
    git(checkout, "commit", "-qm", "with a submodule")
    git(checkout, "worktree", "add", "-q", "--detach", str(checkout / "build" / "beside"))
    (checkout / "build" / "beside" / "later.txt").write_text("the fix")
    environment = await prepared(config, checkout)
    async with opened(config, environment) as template, template.fork() as sandbox:
        ran = await sandbox.run(("sh", "-c", "cat sub/inner.txt; ls -A sub build"), limits=LIMITS)
    assert ran.output == "inner\nbuild:\nproduct.o\n\nsub:\ninner.txt\n"
    (checkout / "sub" / "inner.txt").write_text("changed\n")
    with pytest.raises(UsageError, match=r"isn't as at .*: sub.\n"):
        await prepared(config, checkout)


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
@pytest.mark.parametrize("place", ["/var/tmp"], indirect=True)
async def test_an_address_has_no_checkout(config: SandboxConfig, home: Path, checkout: Path) -> None:
    async with open_backend(config, "tests", Events()) as backend:
        repository = await Repository.open(f"file://{checkout}/.git", checkout.parent / "store")
        base = await repository.resolve()
        with pytest.raises(UsageError, match="--here needs a checkout on this machine"):
            await prepare(backend, repository, base, Options(here=True), Events())
