"""The scripts that run a row's hidden tests: as the official harness has them, and in the parts they have."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from swe_scale.patch import touched
from swe_scale.swebench.instance import Gold

START = ">>>>> Start Test Output"
END = ">>>>> End Test Output"
EXIT_CODE = ">>>>> Test Exit Code"
_HEADER = ("#!/bin/bash", "set -uxo pipefail")
_VARIABLE = "SWEBENCH_TEST_EXIT_CODE"
_DELIMITER = "EOF_114329324912"
_STAMP = re.compile(r"^swe-scale tests at (\d+)[.,](\d{6})$", re.MULTILINE)
_TELL = 'echo "swe-scale tests at ${EPOCHREALTIME-}"'
"""Prints the time; an old Bash doesn't know it."""
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\1")
_SETTING = re.compile(r"(?:source|\.|conda|cd|export|nvm|set|shopt|ulimit)\s|[A-Za-z_][A-Za-z0-9_]*=\S*$")
"""Beginnings of lines that change the shell itself, so that they are needed where the tests run."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A row's script, divided."""

    before: tuple[str, ...]
    """Lines that prepare the tests."""
    settings: tuple[str, ...]
    """Of these, the ones that only set up the shell."""
    tests: tuple[str, ...]
    """Lines that run the tests."""


def eval_script(gold: Gold, workdir: str) -> str:
    """Return the script whose output is graded, the way the official harness makes it of a row.

    In the sandbox the history is cut, so that the base commit is `HEAD` there.
    """
    return "\n".join((*_HEADER, *_recording(_lines(gold, workdir)))) + "\n"


def parts_of(gold: Gold, workdir: str) -> Parts:
    """Return the script in parts; of one without marks around its tests, there are no tests."""
    lines = _lines(gold, workdir)
    marks = [[number for number, line in enumerate(lines) if mark in line] for mark in (START, END)]
    if not all(marks) or marks[0][0] >= marks[1][0]:
        return Parts((), (), ())
    start, end = marks[0][0], marks[1][0]
    before = tuple(lines[:start])
    settings = tuple(line for line in _outside_texts(before) if _SETTING.match(line))
    return Parts(before, settings, tuple(lines[start + 1 : end]))


def script_of(lines: Sequence[str]) -> str:
    """Return lines as a script under the harness's own settings of the shell."""
    return "\n".join((*_HEADER, *lines)) + "\n"


def graded_log(output: str, code: int) -> str:
    """Return the log of tests that ran by themselves: whatever they print, the marks are ours.

    Args:
        output: what the tests' own command printed.
        code: its exit code.
    """
    plain = output.replace(">>>>>", ">>>> >")
    return f"{START}\n{plain}\n{END}\n{EXIT_CODE}: {code}\n"


def timed(script: str) -> str:
    """Return a script that also prints the time before and after its tests, where no test is read."""
    found: list[str] = []
    for line in script.split("\n"):
        found += [_TELL, line] if START in line else [line, _TELL] if END in line else [line]
    return "\n".join(found)


def own_seconds(log: str) -> float | None:
    """Return what the tests of a script took by themselves; None where its log doesn't tell.

    It is for information: a patch that prints times of its own is believed.
    """
    times = [int(whole) + int(part) / 1e6 for whole, part in _STAMP.findall(log)]
    return max(0.0, times[-1] - times[0]) if len(times) > 1 else None


def _lines(gold: Gold, workdir: str) -> list[str]:
    if not gold.eval_script.strip():
        return _made(gold, workdir)
    lines = [line for line in gold.eval_script.strip().split("\n") if line not in _HEADER]
    if not re.fullmatch(r"[0-9a-f]{7,64}", gold.base_commit):
        return lines
    return [re.sub(rf"\b{gold.base_commit}\b", "HEAD", line) for line in lines]


def _made(gold: Gold, workdir: str) -> list[str]:
    known = [path for path in touched(gold.test_patch) if f"--- a/{path}\n" in gold.test_patch]
    return [
        f"cd {shlex.quote(workdir)}",
        f"git config --global --add safe.directory {shlex.quote(workdir)}",
        *([f"git checkout HEAD {shlex.join(known)}"] if known else []),
        f"git apply -v - <<'{_DELIMITER}'",
        *gold.test_patch.split("\n"),
        _DELIMITER,
        f": '{START}'",
        *gold.test_command.split("\n"),
        f": '{END}'",
    ]


def _recording(lines: list[str]) -> list[str]:
    """Return the lines with one that keeps the tests' own exit code, which a later checkout would hide."""
    for number, line in enumerate(lines):
        if END in line:
            told = f'echo "{EXIT_CODE}: ${_VARIABLE}"'
            return [*lines[:number], f"{_VARIABLE}=$?", line, told, *lines[number + 1 :]]
    return lines


def _outside_texts(lines: Sequence[str]) -> list[str]:
    """Return the lines that are commands, the texts that they are given left out."""
    found: list[str] = []
    until = ""
    for line in lines:
        if until:
            until = "" if line.strip() == until else until
            continue
        found.append(line)
        if text := _HEREDOC.search(line):
            until = text.group(2)
    return found
