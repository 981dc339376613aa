"""Which files steer formatters: a candidate's own are never put where a program could read them."""

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from swe_scale.house import TOLD_BY
from swe_scale.profiles import profiles

_SETTINGS = (
    *TOLD_BY,
    ".editorconfig", ".gitignore", ".gitattributes", ".ignore",
    ".isort.cfg", ".style.yapf", ".yapfignore", ".flake8", ".pep8", ".pycodestyle", ".black*",
    ".prettierrc*", "prettier.config.*", ".prettierignore", "package.yaml",
    ".eslintrc*", "eslint.config.*", ".eslintignore", ".stylelintrc*", "stylelint.config.*", "tslint.json",
    "biome.json*", "dprint.json*", ".dprint.json*", ".jsbeautifyrc", "*.config.js", "*.config.[cm]js",
    "*.config.ts", ".clang-format", "_clang-format", ".clang-format-ignore", ".clang-tidy", "uncrustify.cfg",
    ".astylerc", ".cmake-format*", ".gersemirc", "rustfmt.toml", ".rustfmt.toml", "rust-toolchain*", "go.mod",
    "go.work", "taplo.toml", ".taplo.toml", ".yamlfmt*", ".yamllint*", ".markdownlint*", ".mdformat.toml",
    ".rubocop*.yml", ".scalafmt.conf", ".swiftformat", ".php-cs-fixer*", ".java-format*",
)  # fmt: skip
"""Patterns of file names: those of known formatters, and of others that a project's own hooks may start."""


def steers_formatters(path: str) -> bool:
    """Return whether a formatter may take its settings or its plugins from this file, or a runner its own."""
    name = PurePosixPath(path).name
    patterns = (*_SETTINGS, *(one for profile in profiles() for one in profile.settings))
    return any(fnmatchcase(name, pattern) for pattern in patterns)
