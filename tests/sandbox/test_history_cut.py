"""An image that holds the repository's whole history gives none of it to what runs in its sandboxes."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from service_kit import remove_images

from swe_scale.config import Docker, Limits
from swe_scale.environment import Options, prepare
from swe_scale.events import Events
from swe_scale.records import Environment
from swe_scale.repo import Repository
from swe_scale.sandbox import open_backend

pytestmark = [pytest.mark.anyio, pytest.mark.docker]
SECRET = "values rounded by the true fix"
BUILT = r"""
set -e
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git config --global user.name a && git config --global user.email a@b
git config --global init.defaultBranch main
mkdir -p /testbed/pkg && cd /testbed && git init -q
for number in 1 2 3 4 5 6 7 8; do
	echo "def part$number(): return $number" >pkg/part$number.py
	git add -A && git commit -qm "part $number"
done
git branch base
echo '# SECRET' >>pkg/part1.py && git commit -qam 'the fix' && git tag v9 && git branch fixed
echo '# SECRET, lost' >>pkg/part2.py && git commit -qam 'the lost fix'
git gc -q
git bundle create -q /opt/all.bundle --all
echo '# SECRET, loose' >>pkg/part3.py && git commit -qam 'the loose fix'
git clone -q /testbed /opt/mirrored && git clone -q --bare /testbed /root/.cache/kept.git
git clone -q --shared /testbed /srv/shared
git clone -q --depth 1 -b fixed file:///testbed /usr/src/shallow
mkdir -p /var/objects && cp -r .git/objects /var/objects/of-it
git worktree add -q /home/tree fixed
git reset -q --hard base && git checkout -q base && git branch -D main
git rev-parse fixed >.git/ORIG_HEAD
mkdir -p /usr/lib/python3/dist-packages && echo /testbed >/usr/lib/python3/dist-packages/pkg.egg-link
echo built >pkg/built.so
git init -q /opt/other && cd /opt/other && echo x >x && git add x && git commit -qm other
rm -f /root/.gitconfig
""".replace("SECRET", SECRET)
LOOK = r"""
cd /testbed; git config --global --add safe.directory '*'
git log --all --oneline; git reflog --all; git fsck --lost-found --no-progress 2>/dev/null
git cat-file --batch-all-objects --batch-check --unordered >/tmp/all
cut -d' ' -f1 /tmp/all | git cat-file --batch | grep -a 'SECRET' && echo FOUND in the work tree
ls .git; cat .git/ORIG_HEAD .git/packed-refs .git/FETCH_HEAD 2>/dev/null
for place in $(find / -xdev \( -name HEAD -o -name objects -o -name 'pack-*.pack' -o -name '*.bundle' \) \
	-not -path '/proc/*' 2>/dev/null); do
	case $place in /testbed/*) continue ;; esac
	echo "elsewhere: $place"
done
for name in $FIXES; do
	for place in /testbed /opt/mirrored /root/.cache/kept.git /srv/shared /usr/src/shallow /home/tree; do
		git -C $place cat-file -e $name 2>/dev/null && echo "FOUND $name in $place"
	done
	GIT_OBJECT_DIRECTORY=/var/objects/of-it git cat-file -e $name 2>/dev/null && echo "FOUND $name in objects"
done
git -C /opt/other log --format='other: %s'; cat pkg/built.so
""".replace("SECRET", SECRET)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def image(docker_config: Docker) -> Iterator[str]:
    """An image whose /testbed holds the whole history, in every form that git keeps it in."""
    name = f"swe-scale-test/history:{token_hex(6)}"
    alone = ("--network", "none", "--user", "0", "--entrypoint", "sh")
    container = docker("run", "-d", *alone, docker_config.base_image, "-c", BUILT)
    try:
        assert docker("wait", container) == "0", docker("logs", container)
        docker("commit", "--change", "WORKDIR /testbed", container, name)
    finally:
        docker("rm", "-f", container)
    yield name
    remove_images(name)


@pytest.fixture
def source(image: str, tmp_path: Path) -> Path:
    """The repository on this host, as it was before the image was made of it."""
    container = docker("create", image)
    try:
        docker("cp", f"{container}:/testbed", str(tmp_path / "source"))
    finally:
        docker("rm", "-f", container)
    return tmp_path / "source"


@pytest.mark.parametrize("as_root", [False, True])
@pytest.mark.parametrize("workdir", ["/testbed", "/work"])
async def test_no_fix_is_found_in_an_image_that_holds_it(
    image: str,
    docker_config: Docker,
    source: Path,
    forget: Callable[[Environment], None],
    workdir: str,
    as_root: bool,
) -> None:
    table = source.parent / "environment.toml"
    table.write_text(f'[environment]\nimage = "{image}"\nworkdir = "{workdir}"\nsetup = []\n')
    repository = await Repository.open(str(source), source.parent / "store")
    commit, fix = await repository.resolve("base"), await repository.resolve("fixed")
    look = LOOK.replace("/testbed", workdir)
    alone = ("--network", "none", "--entrypoint", "bash", "-e", f"FIXES={fix}")
    before = docker("run", "--rm", *alone, image, "-c", f"{LOOK}true")
    assert "FOUND in the work tree" in before and before.count(f"FOUND {fix}") == 7
    config = docker_config.model_copy(update={"as_root": as_root})
    async with open_backend(config, "tests", Events()) as backend:
        options = Options(environment_file=table)
        environment = await prepare(backend, repository, commit, options, Events())
        forget(environment)
        async with backend.open(environment) as template, template.fork() as sandbox:
            ran = await sandbox.run(
                ("bash", "-c", look), limits=Limits(seconds=120), variables={"FIXES": fix}
            )
    places = {line.split()[1] for line in ran.output.splitlines() if line.startswith("elsewhere:")}
    assert "FOUND" not in ran.output and SECRET not in ran.output and "fix" not in ran.output
    assert {place for place in places if not place.startswith("/opt/other/")} <= {"/var/objects"}
    lines = ran.output.splitlines()
    assert [line.partition(" ")[2] for line in lines[:1]] == ["The repository at the base commit"]
    # What isn't the repository's stays, as does what was built in it.
    assert "other: other" in lines and ("built" in lines or workdir == "/work")
