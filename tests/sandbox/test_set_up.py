"""Set-up lines that fail, ask, hang or lack something, and the Python that they get."""

import sys
from pathlib import Path
from secrets import token_hex

import pytest

from swe_scale.config import Limits, Local, SandboxConfig
from swe_scale.errors import EnvironmentFailure, SetUpFailed
from swe_scale.events import Event, Events
from swe_scale.records import Environment, Execution
from swe_scale.sandbox import Need, Recipe, open_backend
from swe_scale.sandbox.preparation import set_up
from swe_scale.sandbox.python import find_python, find_version, is_version

pytestmark = pytest.mark.anyio


async def built(recipe: Recipe, tree: Path, config: SandboxConfig | None = None) -> Environment:
    async with open_backend(config or Local(), "tests", Events()) as backend:
        return await backend.build(recipe, tree, token_hex(8))


async def said(recipe: Recipe, tree: Path, *command: str) -> str:
    async with open_backend(Local(), "tests", Events()) as backend:
        environment = await backend.build(recipe, tree, token_hex(8))
        async with backend.open(environment) as template, template.fork() as sandbox:
            return (await sandbox.run(command, limits=Limits(seconds=60))).output


async def test_nobody_answers_questions(tree: Path) -> None:
    lines = (
        "if read answer; then exit 4; fi",
        "if read answer </dev/tty; then exit 5; fi",
        'test "$DEBIAN_FRONTEND$GIT_TERMINAL_PROMPT" = noninteractive0',
        "python3 -c 'input()' 2>said || grep -q EOFError said",
    )
    assert (await built(Recipe(setup=lines), tree)).setup == lines


async def test_a_failing_line_says_what_it_lacked(tree: Path) -> None:
    with pytest.raises(
        SetUpFailed, match="the set-up command `no-such-program-at-all x` failed with exit code 127"
    ) as failure:
        await built(Recipe(setup=("true", "no-such-program-at-all x")), tree)
    assert str(failure.value).splitlines()[-1].startswith("It lacks the program no-such-program-at-all:")
    assert failure.value.command == "no-such-program-at-all x" and "not found" in failure.value.output
    with pytest.raises(SetUpFailed, match=r"It lacks the header libpq-fe\.h \(Debian's package libpq-dev\)"):
        await built(Recipe(setup=("echo 'a.c:1:2: fatal error: libpq-fe.h: No such file'; exit 1",)), tree)


async def test_a_set_up_that_never_ends_is_ended() -> None:
    ran: list[float] = []

    async def run(command: object, limits: Limits) -> Execution:
        ran.append(limits.seconds)
        return Execution(exit_code=None, output="working\n", timed_out=True)

    with pytest.raises(SetUpFailed, match="didn't end within the 7 s that set-up may take") as failure:
        await set_up(Recipe(setup=("sleep 9999",)), run, (), Events(), 7.0)
    assert "working" in str(failure.value) and ran[0] <= 7.0


async def test_lines_are_announced(tree: Path) -> None:
    heard: list[Event] = []
    async with open_backend(Local(), "tests", Events([heard.append])) as backend:
        await backend.build(Recipe(setup=("true #  one",)), tree, token_hex(8))
    assert "set-up: true # one" in [event.text for event in heard]


async def test_a_toolchain_that_is_not_there_is_named_before_anything_runs(tree: Path) -> None:
    need = Need(name="cobol", programs=("sh", "no-such-cobc"), packages=("gnucobol",))
    with pytest.raises(EnvironmentFailure) as failure:
        await built(Recipe(needs=(need,), setup=("exit 9",)), tree)
    assert "a cobol project needs no-such-cobc" in str(failure.value)
    assert "Debian's gnucobol" in str(failure.value)
    there = Need(name="shell", programs=("sh", "cat"))
    assert await built(Recipe(needs=(there,)), tree)


async def test_variables_of_the_recipe_are_everybodys(tree: Path) -> None:
    recipe = Recipe(setup=('test "$GREETING" = hello',), variables={"GREETING": "hello"})
    assert await said(recipe, tree, "sh", "-c", "echo $GREETING") == "hello\n"


def there(version: str) -> bool:
    try:
        find_version(version, None)
    except EnvironmentFailure:
        return False
    return True


OTHERS = [version for version in ("3.6", "3.9", "3.13") if there(version)]


@pytest.mark.parametrize("version", OTHERS)
async def test_another_python_is_found_and_used(tree: Path, version: str) -> None:
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    recipe = Recipe(python=True, python_version=version, setup=(f'test "$(python -c "{ask}")" = {version}',))
    assert await said(recipe, tree, "python", "-c", ask) == f"{version}\n"


def test_the_interpreter_that_fits_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ".".join(map(str, sys.version_info[:2]))
    assert find_version(own, None).executable == find_python(None).executable


def test_a_python_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(EnvironmentFailure, match=r"wants Python 3\.99.*\n.*uv python install 3\.99"):
        find_version("3.99", None)


def test_an_interpreter_of_pyenv_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    for version in ("3.98.2", "3.98.10", "3.98.9"):
        place = tmp_path / "versions" / version / "bin" / "python"
        place.parent.mkdir(parents=True)
        place.write_text(f"#!/bin/sh\necho {place}\necho /usr\necho CPython {version}\n")
        place.chmod(0o755)
    assert find_version("3.98", None).version == "CPython 3.98.10"
    assert find_version("3.98.9", None).version == "CPython 3.98.9"


def test_as_many_parts_as_are_given_count() -> None:
    assert is_version("3.9.18", "3.9") and is_version("3.9.18", "3.9.18")
    assert not is_version("3.90.1", "3.9") and not is_version("3.9.18", "3.9.1")
