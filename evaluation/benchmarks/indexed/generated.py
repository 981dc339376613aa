"""Makes repositories of any number of files, of several languages, that look a little like real ones.

Usage: generated.py files|blobs FOLDER COUNT. Prints the commit; what it holds depends on the count only.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_VERBS = "load parse merge split check build store fetch render encode resolve filter order count close"
_NOUNS = """
account bucket cache cursor digest entry field filter graph handler invoice journal kernel ledger matrix node
object packet query record schema session ticket upload vector window
"""
VERBS, NOUNS = _VERBS.split(), _NOUNS.split()
_PER_FOLDER = 50
_COPIES = 2
"""Of so many files one is a copy of what other folders have, too."""


@dataclass(frozen=True, slots=True)
class Language:
    """How a language says that it defines and documents something."""

    suffix: str
    top: str
    """First lines of a file: `{about}`, `{other}` names a module that it uses."""
    each: str
    """One definition: `{name}`, `{noun}`, `{number}`."""


_BRACES = "{name}({noun}) {{\n  // Tells the {noun} apart.\n  return {noun}.value + {number};\n}}\n\n"
LANGUAGES = (
    Language(
        "py",
        '"""{about}"""\n\nimport os\nfrom {other} import helper\n\n',
        'def {name}({noun}, default=None):\n    """Tell the {noun} apart from its default."""\n'
        "    if {noun} is None:\n        return default\n    return {noun}.value + {number}\n\n\n",
    ),
    Language("js", "// {about}\nimport helper from './{other}';\n\n", "export function " + _BRACES),
    Language("go", '// {about}\npackage main\n\nimport "{other}"\n\n', "func " + _BRACES),
    Language("java", "/* {about} */\nimport {other};\n\n", "class {name} {{\n  int get" + _BRACES + "}}\n"),
    Language(
        "rb", "# {about}\nrequire '{other}'\n\n", "def {name}({noun})\n  {noun}.value + {number}\nend\n\n"
    ),
    Language("c", '/* {about} */\n#include "{other}.h"\n\n', "int " + _BRACES),
    Language(
        "md", "# {about}\n\nSee {other}.\n\n", "## {name}\n\nThe {noun} is told apart from {number}.\n\n"
    ),
)


def name(number: int, place: int) -> str:
    """Return the name of a definition of a file, by its place there."""
    verb, noun = VERBS[(number + place) % len(VERBS)], NOUNS[(number // 7 + place) % len(NOUNS)]
    return f"{verb}_{noun}_{number}"


def path(number: int) -> str:
    """Return the path of a file; a copy is found under the same name in other folders."""
    folder = number // _PER_FOLDER
    suffix = language(number).suffix
    kind = "tests/test_" if number % 10 == 9 else ""
    stem = f"shared_{number % _PER_FOLDER}" if copied(number) else NOUNS[number % len(NOUNS)] + str(number)
    return f"{NOUNS[folder % len(NOUNS)]}/part{folder}/{kind}{stem}.{suffix}"


def language(number: int) -> Language:
    """Return a file's language; most folders keep to Python."""
    place = number % _PER_FOLDER if copied(number) else number
    return LANGUAGES[0 if place % 2 else place % len(LANGUAGES)]


def copied(number: int) -> bool:
    """Return whether other folders hold the same content."""
    return number % _COPIES == 1


def text(number: int, definitions: int) -> str:
    """Return the content of a file with so many definitions."""
    own = number % _PER_FOLDER if copied(number) else number
    kind = language(number)
    about = f"Keeps the {NOUNS[own % len(NOUNS)]} of part {own}, one for each {VERBS[own % len(VERBS)]}."
    top = kind.top.format(about=about, other=NOUNS[own // 3 % len(NOUNS)])
    return top + "".join(
        kind.each.format(name=name(own, place), noun=NOUNS[(own + place) % len(NOUNS)], number=own + place)
        for place in range(definitions)
    )


def files(count: int, definitions: int) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a repository of many small ones."""
    for number in range(count):
        yield path(number), text(number, definitions).encode()


def blobs(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield a few small files and large distinct ones, of 8 MB each, that git keeps in next to no space."""
    yield from files(20, 3)
    line = "value = [" + "0, " * 30 + "]\n"
    for number in range(count):
        suffix = ("py", "bin", "txt", "js")[number % 4]
        yield (
            f"large/data{number}.{suffix}",
            (f"first = {number}\n" + line * (8_000_000 // len(line))).encode(),
        )


def commit(folder: Path, content: Iterable[tuple[str, bytes]], message: str = "start") -> str:
    """Return a commit of these files, and no other, in a bare repository that is made if need be."""
    if not (folder / "HEAD").exists():
        subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", str(folder)], check=True)
    command = ["git", f"--git-dir={folder}", "fast-import", "--quiet", "--force"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as importing:
        assert importing.stdin is not None
        importing.stdin.write(b"commit refs/heads/main\ncommitter A <a@example.org> 1 +0000\n")
        importing.stdin.write(b"data %d\n%s\ndeleteall\n" % (len(message.encode()), message.encode()))
        for place, data in content:
            importing.stdin.write(b"M 100644 inline %s\ndata %d\n%s\n" % (place.encode(), len(data), data))
    if importing.returncode:
        raise SystemExit("git fast-import went wrong")
    found = subprocess.run(
        ["git", f"--git-dir={folder}", "rev-parse", "main"], capture_output=True, check=True
    )
    return found.stdout.decode().strip()


if __name__ == "__main__":
    chosen, place, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(json.dumps({"commit": commit(place, files(size, 6) if chosen == "files" else blobs(size))}))
