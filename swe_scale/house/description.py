"""Writes the text of a pull request: what was done, in the project's own template where it has one."""

import re
from dataclasses import dataclass

from swe_scale.house.base import Base
from swe_scale.house.change import Change
from swe_scale.quoting import markdown_text, unclosing, visible

_READ = 64_000
"""Characters of a template that are read; comments may be many."""
_TEMPLATE = 6_000
"""Characters of it that are kept, so that most of what a service takes is left to the evidence."""
_PARAGRAPH = 8_000
_PLACE = re.compile(
    r"(?:(?:\.github/|docs/)?pull_request_template(?:\.md|\.txt)?|\.gitlab/merge_request_templates/default\.md)",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"(?:\.github/|docs/)?pull_request_template/(?:bug.{0,20}|.{0,20}fix|default)\.md"
    r"|\.gitlab/merge_request_templates/(?:bug.{0,20}|.{0,20}fix)\.md",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(
    r"</?(?:a|b|br|center|code|details|div|em|h[1-6]|hr|i|img|input|kbd|li|ol|p|picture|pre|span|strong|sub|summary|sup"
    r"|t[dhr]|table|ul)\b[^<>\n]{0,300}>",
    re.IGNORECASE,
)
_HTML = re.compile(r"<(?=[!?/A-Za-z])(?!https?:)")
"""What may hide all that follows until its end, which may be missing."""
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}\s+(.{1,200}?)\s*#*|\*\*([^*]{1,100})\*\*:?")
_BOX = re.compile(r"[ \t]{0,20}(?:[-*+]|\d{1,9}[.)])[ \t]{1,4}\[ \]")
_CLOSING = re.compile(
    r"([ \t]{0,20}(?:[-*+][ \t]{1,4})?\**(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?)\**\s*:?\**\s*)"
    r"(?:#\s*(?:\S{0,40}|\\?<[^>]{0,40}>|\([^)]{0,40}\)|\[[^\]]{0,40}\])|\([^)]{0,60}\)|)\s*\.?",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"(?<![\w/&])#(?=\d)")
_CASELESS = re.IGNORECASE
_ABOUT = (
    ("made_by", re.compile(r"\bAI\b|\bLLMs?\b|\bgenerat(?:ed|ive)\b|\bartificial\b", _CASELESS)),
    (
        "closes",
        re.compile(r"\bissues?\b|\btickets?\b|\bfixes\b|\bcloses?\b|\brelated\b|\breferences?\b", _CASELESS),
    ),
    ("tested", re.compile(r"\btest(?:s|ed|ing|\s?plan)?\b|\bverif", _CASELESS)),
    (
        "what",
        re.compile(
            r"\bdescription\b|\bsummary\b|\bwhat\b|\bchanges?\b|\boverview\b|\bpurpose\b|\bproposed\b",
            _CASELESS,
        ),
    ),
)
"""What a section asks for, by its heading."""
_OTHER = re.compile(
    r"check\s?list|change\s?log|breaking|types? of change|screenshots?|release notes?|review", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Told:
    """What can be said of a change truthfully, in Markdown that acts no further than it is meant to."""

    closes: str
    """The line that closes its issue; empty where there is none."""
    tested: str = ""
    """How it was checked."""
    made_by: str = ""
    """That a program and which models made it."""


@dataclass(slots=True)
class _Section:
    heading: str
    lines: list[str]


def template_of(base: Base) -> str:
    """Return the text of the project's template for pull requests; empty where it has none, or many."""
    for pattern in (_PLACE, _SEVERAL):
        for path in base.paths:
            if pattern.fullmatch(path) and (text := base.text(path)).strip():
                return text
    return ""


def description_of(change: Change, template: str, said: Told) -> str:
    """Return the text of a pull request; boxes of the template are never ticked.

    Comments of the template are instructions to its reader, and are left out; what in it would mention
    somebody or refer to an issue doesn't.

    Args:
        change: of which nothing is trusted.
        template: the project's, which isn't trusted either; may be empty.
        said: what goes into its sections.
    """
    what = markdown_text(change.paragraph.strip() or change.summary.strip(), _PARAGRAPH)
    parts = {"what": what, "closes": said.closes, "tested": said.tested, "made_by": said.made_by}
    sections = _sections(_quiet(template[:_READ])) if template.strip() else []
    placed = {"tested"}
    filled = [_filled(one, parts, placed) for one in sections]
    above = [parts[name] for name in ("what", "closes") if name not in placed and parts[name]]
    below = [parts["made_by"]] * ("made_by" not in placed and bool(said.made_by))
    return "\n\n".join(part for part in (*above, *filled, *below) if part)


def _quiet(template: str) -> str:
    """Return a template without HTML, whose boxes are unticked and which mentions nobody."""
    text = _HTML.sub(r"\<", _TAG.sub("", _COMMENT.sub("", visible(template))))
    text = re.sub(r"\[[xX]\]", "[ ]", re.sub(r"(?<![\w/.`])@(?=\w)", "@<!-- -->", text))
    return text if len(text) <= _TEMPLATE else text[:_TEMPLATE].rpartition("\n")[0]


def _sections(template: str) -> list[_Section]:
    found = [_Section("", [])]
    opened = ""
    for line in template.split("\n"):
        fence = _FENCE.match(line)
        if fence and not opened:
            opened = fence[1]
        elif fence and fence[1].startswith(opened) and line.strip() == fence[1]:
            opened = ""
        if not opened and _HEADING.fullmatch(line.rstrip()):
            found.append(_Section(line.rstrip(), []))
        else:
            found[-1].lines.append(line.rstrip())
    if opened:
        found[-1].lines.append(opened)
    return found


def _filled(section: _Section, parts: dict[str, str], placed: set[str]) -> str:
    """Return a section with what it asks for, as far as that is known; notes what was placed."""
    lines = [_closed(line, parts["closes"], placed) for line in section.lines]
    asked = _asked(section.heading)
    if (
        asked
        and parts[asked]
        and (asked not in placed or asked == "tested")
        and not (asked == "closes" and lines != section.lines)
    ):
        placed.add(asked)
        boxes = [line for line in lines if _BOX.match(line) or line.strip() == parts["closes"].strip()]
        lines = [parts[asked], *([""] if boxes else []), *boxes]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return "\n\n".join(part for part in (section.heading, _unreferring(text, parts)) if part)


def _asked(heading: str) -> str:
    if not heading or _OTHER.search(heading):
        return ""
    return next((name for name, pattern in _ABOUT if pattern.search(heading)), "")


def _closed(line: str, closes: str, placed: set[str]) -> str:
    """Return a line that is there to name the closed issue, with ours in it."""
    if _BOX.match(line) or not (match := _CLOSING.fullmatch(line)) or not (match[1].strip(" -*:") and closes):
        return line
    if "closes" in placed:
        return ""
    placed.add("closes")
    return closes


def _unreferring(text: str, parts: dict[str, str]) -> str:
    """Return text of a template in which no number but ours refers to an issue."""
    ours = {line for part in parts.values() for line in part.split("\n")}
    lines = text.split("\n")
    return "\n".join(line if line in ours else _REFERENCE.sub("#<!-- -->", unclosing(line)) for line in lines)
