"""What tox and nox install for a project's tests and run, for projects that declare it nowhere else."""

import ast
import configparser
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from swe_scale.environment.project import Project
from swe_scale.environment.python_declared import ini, strings, syntax, table, toml

_NAMES = ("tests", "test", "unit", "unittests", "unit_tests", "pytest", "testing")
_SECTIONS = ("testenv:tests", "testenv:test", "testenv:unit", "testenv")
_FACTORS = re.compile(r"^(?P<factors>[\w.,{}!-]+):\s+(?P<rest>.*)$")
_REFERENCE = re.compile(r"\{\[(?P<section>[^]]+)\](?P<option>\w+)\}")
_FOLDER = re.compile(r"\{(?:toxinidir|tox_root|env:PWD)\}/?|\$\{PWD\}/")
_LIST = re.compile(r"^-(?:r|-requirement)[ =]*(.+)$")


@dataclass(slots=True)
class Session:
    """What is installed and run."""

    requirements: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    """Paths of requirement lists."""
    extras: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def install(self, line: str) -> None:
        """Note one argument of pip's."""
        listed = _LIST.match(line)
        if listed:
            self.lists.append(_FOLDER.sub("", listed[1]).strip())
            return
        own = re.fullmatch(r"(?:-e\s*)?\.(?:\[([\w,\s.-]+)\])?", line)
        if own:
            self.extras += [one.strip() for one in (own[1] or "").split(",") if one.strip()]
        elif line and not line.startswith(("-", ".", "/", "{")) and "{" not in line:
            self.requirements.append(line)


def session_of(project: Project) -> Session:
    """Return the session that runs the tests; an empty one where neither tox nor nox is used."""
    tox = project.texts.get("tox.ini", "")
    tool = table(table(toml(project.texts.get("pyproject.toml", "")), "tool"), "tox")
    legacy = tool.get("legacy_tox_ini")
    found = _tox(ini(tox or (legacy if isinstance(legacy, str) else "")))
    if tool and not legacy:
        env = table(tool, "env_run_base")
        for requirement in strings(env.get("deps")):
            found.install(requirement)
        found.extras += strings(env.get("extras"))
        found.groups += strings(env.get("dependency_groups"))
        commands = env.get("commands")
        found.commands += (
            [" ".join(strings(one)) for one in commands if isinstance(one, list)]
            if isinstance(commands, list)
            else []
        )
    _nox(project.texts.get("noxfile.py", ""), found)
    return found


def _tox(parser: configparser.RawConfigParser) -> Session:
    found = Session()
    for section in _SECTIONS:
        if not parser.has_section(section):
            continue
        for option, take in (("deps", found.install), ("commands", found.commands.append)):
            for line in _lines(parser, section, option):
                take(line)
        for option, names in (("extras", found.extras), ("dependency_groups", found.groups)):
            names += [
                name for line in _lines(parser, section, option) for name in re.split(r"[\s,]+", line) if name
            ]
        if found.requirements or found.lists or found.extras or found.groups:
            break
    return found


def _lines(parser: configparser.RawConfigParser, section: str, option: str) -> Iterator[str]:
    # A reference that comes again brings nothing new, so each is followed once.
    seen: set[tuple[str, ...]] = set()
    left = [f"{{[{section}]{option}}}"]
    while left:
        line = _said(left.pop())
        reference = _REFERENCE.fullmatch(line)
        if reference is None:
            yield from filter(None, (line,))
        elif reference.groups() not in seen:
            seen.add(reference.groups())
            left += parser.get(*reference.groups(), fallback="").splitlines()[::-1]


def _said(raw: str) -> str:
    line = re.split(r"(?:^|\s)#", raw.strip(), maxsplit=1)[0].strip()
    conditional = _FACTORS.match(line)
    if conditional is None:
        return line
    return conditional["rest"] if _current(conditional["factors"]) else ""


def _current(factors: str) -> bool:
    # What holds for every Python 3, or is only not for another one.
    return any(
        one.startswith("!") or re.fullmatch(r"py3?|py|test|tests|pytest|unit", one)
        for one in factors.split(",")
    )


def _nox(script: str, found: Session) -> None:
    functions = {node.name: node for node in syntax(script).body if isinstance(node, ast.FunctionDef)}
    name = next((name for name in _NAMES if name in functions), None)
    if name is None:
        return
    for node in ast.walk(functions[name]):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        words = [
            one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        if node.func.attr == "install":
            for line in _joined(words):
                found.install(line)
        elif node.func.attr == "run" and words:
            found.commands.append(" ".join(words))


def _joined(words: list[str]) -> Iterator[str]:
    taking = ""
    for word in words:
        if word in ("-r", "--requirement", "-e", "--editable", "-c", "--group"):
            taking = f"{word} "
            continue
        yield taking + word
        taking = ""
