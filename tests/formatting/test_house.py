"""Which formatters a project has, by what its base tree says."""

import pytest

from swe_scale.formatting.choosing import files_for, matching
from swe_scale.formatting.judging import only_form, plainly
from swe_scale.house import Formatter, Plain, formatters_of, formatters_wanted


def hooks(*entries: str, repo: str = "https://example.org/x", rev: str = "v1.2.3") -> dict[str, str]:
    listed = "".join(f"  - {entry}\n" for entry in entries)
    return {".pre-commit-config.yaml": f"repos:\n- repo: {repo}\n  rev: {rev}\n  hooks:\n{listed}"}


def names(texts: dict[str, str], *paths: str) -> list[str]:
    return [one.name for one in formatters_of([*texts, *paths], texts)]


@pytest.mark.parametrize(
    ("texts", "paths", "found"),
    [
        ({}, (), []),
        ({"pyproject.toml": "[tool.black]\nline-length = 100\n[tool.isort]\n"}, (), ["isort", "black"]),
        ({"pyproject.toml": "[tool.ruff.format]\nquote-style = 'single'\n"}, (), ["ruff-format"]),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"}, (), []),
        ({"ruff.toml": "[format]\n"}, (), ["ruff-format"]),
        ({"pyproject.toml": "[tool.black"}, (), []),
        ({"setup.cfg": "[isort]\nprofile = black\n[yapf]\n"}, (), ["isort", "yapf"]),
        ({"setup.cfg": "[["}, (), []),
        ({"setup.cfg": "[isort]\n" + "x\n" * 200_000}, (), ["isort"]),
        ({"pyproject.toml": f"[tool.black]\na = {'9' * 5_000}\n"}, (), []),
        ({"package.json": '{"devDependencies": {"prettier": "3"}}'}, (), ["prettier"]),
        ({"package.json": "[]"}, (".prettierrc.json",), ["prettier"]),
        ({}, (".clang-format", "sub/go.mod"), ["clang-format"]),
        ({}, ("go.mod",), ["gofmt"]),
        ({"Cargo.toml": "[package]\nedition = '2021'\n"}, (), ["rustfmt"]),
        (hooks("id: black", "id: isort"), (), ["black", "isort"]),
        (hooks("id: ruff") | {"pyproject.toml": "[tool.black]\n"}, (), ["black"]),
        (hooks("id: ruff\n    args: [--fix]", "id: ruff-format"), (), ["ruff", "ruff-format"]),
        (hooks("id: black\n    stages: [manual]"), (), []),
    ],
)
def test_formatters_are_found(texts: dict[str, str], paths: tuple[str, ...], found: list[str]) -> None:
    assert names(texts, *paths) == found


@pytest.mark.parametrize(
    ("hook", "found"),
    [
        ("id: own\n    entry: tools/form --all\n    language: script", ["own"]),
        ("id: own\n    entry: form\n    language: system\n    types: [python]", ["own"]),
        ("id: own\n    entry: form\n    language: system\n    pass_filenames: false", []),
        ("id: own\n    entry: form\n    language: docker", []),
        ("id: types\n    entry: uv run mypy\n    language: system", []),
        ('id: own\n    entry: "form \'x"\n    language: system', []),
        ("id: own\n    language: system", []),
    ],
)
def test_hooks_of_the_project_itself(hook: str, found: list[str]) -> None:
    assert names(hooks(hook, repo="local")) == found


def test_a_rust_edition_is_passed_on() -> None:
    texts = {"Cargo.toml": "[package]\nedition = '2021'\n"}
    assert formatters_of(texts, texts)[0].command == ("rustfmt", "--edition", "2021")


def test_set_up_brings_them_at_the_revision_that_is_named() -> None:
    texts = hooks("id: black\n    additional_dependencies: ['click==8.0.4', '-r evil; rm']", "id: prettier")
    assert formatters_wanted(texts, texts) == (
        'python -m pip install -q --upgrade --target "$HOME/.house-style" black==1.2.3 click==8.0.4 || true',
        "npm install --no-save --no-audit --no-fund --global "
        '--prefix "$HOME/.house-style" prettier@1.2.3 || true',
    )
    loose = hooks("id: black", rev="main; evil")
    assert "black || true" in formatters_wanted(loose, loose)[0]
    assert formatters_wanted(["go.mod"], {}) == ()


@pytest.mark.parametrize(
    ("before", "after", "only"),
    [
        (b"x = f( 1,2 )\n", b"x = f(1, 2)\n", True),
        (b"import b\nimport a\n", b"import a\nimport b\n", True),
        (b"x = 'a'\n", b'x = "a"\n', True),
        (b"x = 0XFF\n", b"x = 0xFF\n", True),
        (b"x = 1\n", b"x = 1\nimport os\n", False),
        (b"x = 1\n", b"x = (\n", False),
        (b"x = (\n", b"x =(\n", True),
        (b"def f():\n    check(a)\n    return b\n" * 9, b"def f():\n    return b\n" * 9, False),
        (b"x = 1\n", b"", True),
        (b"x = 1\n", b"x = 1\n" * 9999, False),
    ],
)
def test_a_formatter_writes_no_words(before: bytes, after: bytes, only: bool) -> None:
    assert only_form("a.py", before, after) is (only and after != b"")


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("end-of-file-fixer", b"a", b"a\n"),
        ("end-of-file-fixer", b"a\n\n\n", b"a\n"),
        ("end-of-file-fixer", b"a\r\n\r\n", b"a\r\n"),
        ("end-of-file-fixer", b"\n\n", b""),
        ("end-of-file-fixer", b"", b""),
        ("end-of-file-fixer", b"a\0", b"a\0"),
        ("trailing-whitespace", b"a \t\nb  ", b"a\nb"),
        ("trailing-whitespace", b"a \r\n b\r\n", b"a\r\n b\r\n"),
        ("", b"a ", b"a "),
    ],
)
def test_the_simplest_need_no_program(kind: Plain, before: bytes, after: bytes) -> None:
    assert plainly(kind, before) == after


@pytest.mark.anyio
async def test_files_are_chosen_by_name_and_expression() -> None:
    one = Formatter(name="x", patterns=("*.py",), files="^src/", exclude=("_pb2", "^src/old"))
    paths = ["src/a.py", "src/a.txt", "b.py", "src/a_pb2.py", "src/old/a.py"]
    assert await files_for(one, paths) == ("src/a.py",)
    assert await files_for(Formatter(name="x", patterns=("*.py",)), paths) == tuple(
        path for path in paths if path.endswith(".py")
    )


@pytest.mark.anyio
async def test_an_expression_that_never_ends_or_is_none_chooses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("swe_scale.formatting.choosing._SECONDS", 2.0)
    endless = Formatter(name="x", files=r"^(a+)+$")
    assert await files_for(endless, ["a" * 60 + "!"]) == ()
    assert matching("(", (), ["a"]) == matching("a", ("(",), ["a"]) == matching("a" * 9999, (), ["a"]) == ()
