"""Tells files that building, testing and looking around leave behind from those that somebody wrote."""

import posixpath
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from swe_scale.records import File

_FOLDERS = frozenset({
    "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".eggs",
    ".venv", ".gradle", ".nyc_output", "node_modules", "htmlcov", "CMakeFiles",
})  # fmt: skip
_FOLDER_ENDS = (".egg-info", ".dist-info", ".dSYM")
_FILES = (
    "*.pyc", "*.pyo", "*.o", "*.obj", "*.lo", "*.gcda", "*.gcno", "*.class", "*.orig", "*.rej", "*.swp",
    "*.swo", "*~", "*.profraw", "*.tsbuildinfo", ".DS_Store", "Thumbs.db", "nohup.out", "vgcore.*",
    ".coverage", ".coverage.*",
)  # fmt: skip
_MARKS = ("CACHEDIR.TAG", "pyvenv.cfg", "CMakeCache.txt")
"""Files whose folder, with all that is in it, was generated."""
_BUILT: Mapping[str, tuple[str, ...]] = {
    "build": ("setup.py", "pyproject.toml", "CMakeLists.txt", "meson.build", "build.gradle", "package.json"),
    "dist": ("setup.py", "pyproject.toml", "package.json"),
    "target": ("Cargo.toml", "pom.xml"),
}
"""Folders that tools write to, and the files beside which they do."""
_COMPILED = (
    b"\x7fELF", b"!<arch>\n", b"MZ\x90", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe",
)  # fmt: skip
"""First bytes of programs, libraries and memory dumps."""
_LARGE = 1 << 20
"""Bytes beyond which a binary file is no part of a change."""
_LOOK = 8000


def products(new: Mapping[str, File], known: Collection[str]) -> set[str]:
    """Return those of the new files that are products: of tools, of compilers, or large and binary.

    A folder in which anything is known is nobody's product; nor is a link by what it points to.

    Args:
        new: files that somebody's commands made.
        known: paths of the repository.
    """
    folders = {folder for path in known for folder in _above(path)}
    generated = {posixpath.dirname(path) for path in new if posixpath.basename(path) in _MARKS} - {""}

    def is_product(folder: str) -> bool:
        parent, name = posixpath.split(folder)
        return folder not in folders and (
            name in _FOLDERS
            or name.endswith(_FOLDER_ENDS)
            or folder in generated
            or any(posixpath.join(parent, file) in known for file in _BUILT.get(name, ()))
        )

    below = {folder: is_product(folder) for folder in {one for path in new for one in _above(path)}}
    return {
        path for path, file in new.items() if any(below[one] for one in _above(path)) or _is_junk(path, file)
    }


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


def _is_junk(path: str, file: File) -> bool:
    if any(fnmatchcase(posixpath.basename(path), pattern) for pattern in _FILES):
        return True
    if file.mode == "120000":
        return False
    large = len(file.data) > _LARGE and b"\0" in file.data[:_LOOK]
    return large or file.data.startswith(_COMPILED)


def named(paths: Collection[str], most: int = 5) -> str:
    """Return paths for a message: those of one folder at the top together, and not too many."""
    groups: dict[str, int] = {}
    for path in sorted(paths):
        top, slash, _ = path.partition("/")
        groups[top + slash] = groups.get(top + slash, 0) + 1
    shown = [f"{name} ({count} files)" if count > 1 else name for name, count in groups.items()]
    return ", ".join(shown[:most] + [f"{len(shown) - most} more"] * (len(shown) > most))
