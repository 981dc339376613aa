"""Takes shell commands and scripts apart, so that what was run is told from what was only written down."""

import re
from collections.abc import Iterator
from itertools import islice

MOST = 524_288
"""Characters that are read of one text: half of them from its beginning, half from its end."""
_BLOCKS, _SEGMENTS, _WORDS = 200, 4_000, 200
_PARTS = re.compile(r"\|\||&&|[;&|\n()`]|\$\(")
_HERE = re.compile(r"<<-?\s{0,8}[\"'\\]?([A-Za-z_]\w{0,63})")
_RUNS = re.compile(r"(?:^|[\s;&|/])(?:ba|da|z|k)?sh\b|\b(?:python[\d.]{0,5}|node|ruby|perl|ipython)\b")
_CALLED = re.compile(
    r"\b(?:system|popen|Popen|run|call|check_call|check_output|getoutput|exec|execSync|spawn)\("
    r"([^\n]{1,500})"
)
_BEFORE = frozenset(
    {"sudo", "env", "time", "nohup", "command", "exec", "timeout", "xargs", "then", "do", "else", "if", "!",
     "while", "{", "bash", "sh", "-c", "-lc", "-ec", "-x", "-e", "python", "python3", "-m", "uv", "uvx"}
)  # fmt: skip
_SETTING = re.compile(r"[A-Za-z_]\w{0,99}=|\d+[smh]?$|python\d(?:\.\d{1,2})?$")
_OPEN_FENCE = re.compile(r" {0,3}`{3,}(?:bash|sh|shell|console)\s*$", re.IGNORECASE)


def bounded(text: str, most: int = MOST) -> str:
    """Return a text, or the beginning and the end of one that is too long."""
    return text if len(text) <= most else f"{text[: most // 2]}\n{text[-most // 2 :]}"


def commands_in(reply: str) -> Iterator[str]:
    """Yield the shell blocks of a reply, and the checks that it has run."""
    return islice(_blocks(reply), _BLOCKS)


def _blocks(reply: str) -> Iterator[str]:
    lines = bounded(reply).split("\n")
    at = 0
    while at < len(lines):
        line, at = lines[at], at + 1
        closing = "```" if _OPEN_FENCE.match(line) else "</check>" if line.startswith("<check") else ""
        if closing:
            start = at
            while at < len(lines) and not lines[at].lstrip().startswith(closing):
                at += 1
            yield "\n".join(lines[start:at])


def segments(command: str) -> Iterator[list[str]]:
    """Yield the words of each simple command, beginning with the program's name.

    Here-documents count where an interpreter reads them; calls of programs in scripts count, too.
    """
    text = without_documents(bounded(command))
    calls = (re.sub(r"[\"'\[\](),]+", " ", found[1]) for found in _CALLED.finditer(text))
    for part in islice((*_PARTS.split(text), *calls), _SEGMENTS):
        words = [word.strip("\"'") for word in part[:4_000].split()[:_WORDS]]
        start = 0
        while start < len(words) and (words[start] in _BEFORE or _SETTING.match(words[start])):
            start += 1
        if start < len(words):
            yield [words[start].rpartition("/")[2], *words[start + 1 :]]


def without_documents(command: str) -> str:
    """Return a command without the here-documents that it only writes somewhere."""
    kept: list[str] = []
    closing, written = "", False
    for line in command.split("\n"):
        if closing:
            ends = line.strip() == closing
            if not ends and not written:
                kept.append(line)
            closing = "" if ends else closing
            continue
        kept.append(line)
        if found := _HERE.search(line):
            closing, written = found[1], not _RUNS.search(line)
    return "\n".join(kept)
