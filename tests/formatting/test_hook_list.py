"""Lists of hooks as projects write them."""

import pytest

from swe_scale.house.hook_list import Hook, read_hooks

LIST = r"""
# See https://pre-commit.com
%YAML 1.1
---
default_language_version:
  python: python3.11
exclude: ^(vendored/|docs/)  # not ours
repos:
-   repo: https://github.com/pre-commit/pre-commit-hooks
    rev: "v4.5.0"
    hooks:
    -   id: trailing-whitespace
        args: [--markdown-linebreak-ext=md, '-x, y']
    -   id: end-of-file-fixer
        exclude: |
            (?x)^(
                a/.*|
                b/.*
            )$
    -   id: check-yaml
  # the formatter
-   repo: https://github.com/psf/black
    rev: 24.1.0
    hooks:
      - id: black
        language_version: python3
        additional_dependencies: ['click==8.0.4']
        args:
          - --line-length=100
          - --skip-string-normalization
        files: '\.pyi?$'
- hooks:
  - id: own
    name: "Ours: all of them"
    entry: sh -c 'tools/form "$@"' --
    language: system
    types_or: [python,
               pyi]
    pass_filenames: false
    stages: [manual]
  repo: local
"""


def test_a_list_is_read() -> None:
    white, end, yaml, black, own = read_hooks(LIST)
    hooks = "https://github.com/pre-commit/pre-commit-hooks"
    ours = "^(vendored/|docs/)"
    assert white == Hook(
        "trailing-whitespace", hooks, "v4.5.0", args=("--markdown-linebreak-ext=md", "-x, y"), exclude=(ours,)
    )
    assert end.exclude == ("(?x)^(\na/.*|\nb/.*\n)$", ours)
    assert yaml.id == "check-yaml"
    assert (black.rev, black.args) == ("24.1.0", ("--line-length=100", "--skip-string-normalization"))
    assert (black.dependencies, black.files) == (("click==8.0.4",), r"\.pyi?$")
    assert (own.repo, own.entry, own.types) == ("local", "sh -c 'tools/form \"$@\"' --", ("python", "pyi"))
    assert (own.pass_filenames, own.stages) == (False, ("manual",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "repos:",
        "repos: 5",
        "- a\n- b",
        "repos:\n- x",
        "repos:\n  - repo: local\n    hooks: none",
        "repos:\n - repo\n   : x",
        "\t\trepos:\n\t- repo: x",
        "repos: [[[",
        "a: |",
        "-\n" * 20_000,
        "".join(f"{' ' * n}a:\n" for n in range(3_000)),
        "repos:\n" + "".join(f"{' ' * n}- - \n" for n in range(2_000)),
        "\x00\ufffe: &a *a",
    ],
)
def test_what_is_no_list_has_no_hooks(text: str) -> None:
    assert read_hooks(text) == ()
