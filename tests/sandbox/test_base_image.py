import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from service_kit import http, import_image, load_image, remove_images, service_relay

from swe_scale.config import Docker, cache_folder
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Event, Events
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.facts import Facts, Looks
from swe_scale.sandbox.images import REPOSITORY, Starts, Wanted
from swe_scale.sandbox.installer import host_installer

pytestmark = [pytest.mark.anyio, pytest.mark.docker]


@pytest.fixture
def said() -> list[str]:
    return []


@asynccontextmanager
async def starts(said: list[str], base: str, **options: object) -> AsyncIterator[Starts]:
    def hear(event: Event) -> None:
        said.append(event.text)

    engine = Engine(Docker.model_validate({"base_image": base, **options}), "tests")
    try:
        await engine.connect()
        yield Starts(engine, Events([hear]), base)
    finally:
        await engine.close()


def changed(base: str, line: str, *changes: str) -> str:
    """Return the name of a new image: a base after a line of shell."""
    run = ["docker", "run", "-d", "--network", "none", "--user", "0", "--entrypoint", "sh", base, "-ec", line]
    container = subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
    name = f"swe-scale-test/made:{container[:12]}"
    try:
        waited = subprocess.run(["docker", "wait", container], capture_output=True, text=True, check=True)
        assert waited.stdout.strip() == "0"
        keep = [one for change in changes for one in ("--change", change)]
        subprocess.run(["docker", "commit", *keep, container, name], check=True, capture_output=True)
    finally:
        subprocess.run(["docker", "rm", "-f", container], check=True, capture_output=True)
    return name


@pytest.fixture(scope="module")
def bare(docker_config: Docker) -> Iterator[str]:
    """An image that lacks git and make, and is another user's."""
    name = changed(
        docker_config.base_image, "dpkg --purge --force-depends git make 2>/dev/null", "USER games", "ENV A=b"
    )
    yield name
    remove_images(name)


async def test_what_was_seen_of_an_image_is_kept_for_other_runs(
    docker_config: Docker, said: list[str]
) -> None:
    async def look() -> tuple[Facts, tuple[str, ...]]:
        async with starts(said, docker_config.base_image) as own:
            image = await own.engine.image(docker_config.base_image)
            looks = Looks(own.engine, Events())
            return await looks.examine(image), await looks.lacking(image, ("sh", "no-such-program"))

    seen = await look()
    assert seen == await look() and seen[1] == ("no-such-program",)
    kept = sorted((cache_folder() / "environments" / "images").iterdir())
    for file in kept:
        file.write_text(file.read_text().replace("no-such-program", "another"))
    assert len(kept) == 2 and (await look())[1] == ("another",)
    for file in kept:
        file.write_text("[")
    assert await look() == seen


async def test_what_a_base_lacks_is_added_once(bare: str, said: list[str]) -> None:
    found: list[tuple[str, tuple[str, ...], str]] = []

    async def ask() -> None:
        async with starts(said, bare) as own:
            image = await own.find(None)
            config = image.attrs["Config"]
            assert "A=b" in config["Env"] and config["User"] == "games"
            assert not [one for one in config["Env"] if not one.startswith(("A=", "PATH="))]
            found.append((image.id, (await own.examine(image)).missing, await own.identity(None)))
            assert image.tags == [found[-1][2]]

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
        assert len(set(found)) == 1 and found[0][1] == ()
        assert found[0][2].startswith(f"{REPOSITORY}:")
        assert sum(text.endswith("started") for text in said) == 1
        assert any("adds git, make to" in text for text in said)
        async with starts([], bare, base_image=bare) as own:
            line = "git --version; make --version; ls /run /var/lib/apt/lists || true"
            image = (await own.find(None)).id
            ran = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", line]
            shown = (await anyio.run_process(ran)).stdout.decode()
        assert "git version" in shown and "GNU Make" in shown and "swe-scale" not in shown
    finally:
        remove_images(*{one[2] for one in found})


async def test_a_toolchain_is_added_in_a_layer_of_its_own(docker_config: Docker, said: list[str]) -> None:
    base = docker_config.base_image
    async with starts(said, base) as own:
        plain = await own.find(None)
        assert (await own.find(None, Wanted(("sh", "cat"), ("dash",)))).id == plain.id
        made = await own.find(None, Wanted(("hello",), ("hello",)))
        try:
            assert made.tags[0].startswith(f"{REPOSITORY}:") and made.id != plain.id
            assert (await own.find(None, Wanted(("hello",), ("hello",)))).id == made.id
            assert sum("which adds hello to" in text and text.endswith("started") for text in said) == 1
            line = ["docker", "run", "--rm", "--network", "none", made.id, "hello"]
            assert b"Hello" in (await anyio.run_process(line)).stdout
        finally:
            remove_images(*made.tags)
        absent = await own.find(None, Wanted(("no-such-program",), ("no-such-package-at-all",)))
        assert absent.id == plain.id
    assert any(text.startswith("going on without no-such-package-at-all:") for text in said)


async def test_a_base_that_has_it_all_is_the_start(bare: str, said: list[str]) -> None:
    line = "for name in git make; do printf '#!/bin/sh\\n' >/usr/bin/$name; chmod 755 /usr/bin/$name; done"
    complete = changed(bare, line)
    try:
        async with starts(said, complete) as own:
            image = await own.find(None)
            assert image.tags == [complete] and await own.identity(None) == image.id
    finally:
        remove_images(complete)
    assert said == []


async def test_an_image_that_is_named_is_taken_as_it_is(bare: str, said: list[str]) -> None:
    async with starts(said, bare) as own:
        image = await own.find(bare)
        assert image.id == await own.identity(bare)
        assert "git" in (await own.examine(image)).missing
    assert said == []


async def test_what_cannot_be_added_is_shown_and_gone_without(bare: str, said: list[str]) -> None:
    line = "rm -rf /etc/apt/sources.list*; echo VERSION_CODENAME=other >>/etc/os-release"
    name = changed(bare, line, "USER root")
    try:
        async with starts(said, name) as own:
            with pytest.raises(EnvironmentFailure) as failure:
                await own.base()
            assert (await own.find(None)).tags == [name]
    finally:
        remove_images(name)
    text = str(failure.value)
    assert text.startswith(f"the base image {name} lacks git, make, and it can't be added:\n")
    # What a program says in one piece may come in several.
    assert (
        "Unable to" in text
        and "\x1b" not in text
        and "name a `base_image` that has it all" in text.splitlines()[-1]
    )
    assert said[-1].startswith("going on without git, make: the base image")


async def test_a_base_without_an_installer_and_python_is_refused(bare: str, said: list[str]) -> None:
    name = changed(bare, "rm -f /usr/bin/apt-get /usr/bin/python3", "USER root")
    try:
        async with starts(said, name) as own:
            with pytest.raises(EnvironmentFailure, match="lacks git, make, python, and has no apt-get"):
                await own.find(None)
    finally:
        remove_images(name)


async def test_an_image_without_a_shell_is_named(docker_config: Docker, said: list[str]) -> None:
    name = import_image({"readme": b"nothing else"})
    try:
        async with starts(said, docker_config.base_image) as own:
            for _ in range(2):
                with pytest.raises(
                    EnvironmentFailure, match=rf"the image {name} has no shell that works: `sh` can't"
                ):
                    await own.find(name)
    finally:
        remove_images(name)


async def test_an_image_whose_shell_fails_is_named(bare: str, said: list[str]) -> None:
    name = changed(
        bare, "printf '#!/usr/bin/perl\\nexit 3' >/bin/sh.new; mv /bin/sh.new /bin/sh; chmod +x /bin/sh"
    )
    try:
        async with starts(said, bare) as own:
            with pytest.raises((EnvironmentFailure, SandboxError)) as failure:
                await own.find(name)
    finally:
        remove_images(name)
    assert name in str(failure.value)


async def test_an_image_for_another_machine_is_named(docker_config: Docker, said: list[str]) -> None:
    broken = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(200)
    name = load_image({"bin/sh": broken}, "arm64")
    try:
        async with starts(said, docker_config.base_image) as own:
            with pytest.raises(EnvironmentFailure) as failure:
                await own.find(name)
    finally:
        remove_images(name)
    first, second = str(failure.value).splitlines()
    assert first.startswith(
        f"the image {name} is made for linux/arm64, and this container service runs linux/"
    )
    assert second.startswith("Name an image for this machine")


async def test_a_full_disk_is_reported(bare: str, said: list[str], tmp_path: Path) -> None:
    full = '{"message": "mkdir /var/lib/x: no space left on device"}'
    with service_relay(tmp_path / "service") as relay:
        relay.rule = lambda sent: (
            http("500 Internal Server Error", full) if b"/containers/create" in sent else None
        )
        async with starts(said, bare, base_url=f"unix://{tmp_path}/service") as own:
            with pytest.raises(SandboxError, match="no space left on device") as failure:
                await own.find(bare)
    assert "swe-scale images prune" in str(failure.value)


async def test_the_mirrors_of_this_machine_serve_its_own_release_only() -> None:
    given = host_installer(("other", "release"))
    assert "SOURCES" not in given.arguments
    assert all("@" not in value for value in given.arguments.values())
