"""Pull requests tell what is true in the project's own template, and nothing in it acts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from swe_scale.house.base import Base
from swe_scale.house.change import Change
from swe_scale.house.manner import manner_of

CHANGE = Change(summary="Lookup fails", paragraph="It did, fixes #99 @bob.", issue=12)
WHAT = "It did, fixes `#99` `@bob`."
PLACE = ".github/PULL_REQUEST_TEMPLATE.md"


def described(template: str, place: str = PLACE, change: Change = CHANGE) -> str:
    base = Base((place,), {place: template.encode("utf-8", "surrogatepass")})
    return manner_of(base, ()).description(change, "It passes.", "Made by a program.")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", f"{WHAT}\n\nFixes #12\n\nMade by a program."),
        ("<!-- Thanks! -->", f"{WHAT}\n\nFixes #12\n\nMade by a program."),
        (
            "<!-- say -->\n## Description\nPlease describe.\n\n## Checklist\n- [x] Tests\n* [X] Docs\n",
            f"Fixes #12\n\n## Description\n\n{WHAT}\n\n## Checklist\n\n"
            "- [ ] Tests\n* [ ] Docs\n\nMade by a program.",
        ),
        (
            "## What\n\n## Related issue\nCloses #0000\n\n"
            "## How was it tested?\n- [ ] by hand\n\n## Was AI used?\n",
            f"## What\n\n{WHAT}\n\n## Related issue\n\nFixes #12\n\n## How was it tested?\n\nIt passes.\n\n"
            "- [ ] by hand\n\n## Was AI used?\n\nMade by a program.",
        ),
        (
            "Fixes #<!-- number -->\n\nSee #7 and @team, `#8`.\n",
            f"{WHAT}\n\nFixes #12\n\nSee #<!-- -->7 and @<!-- -->team, `#<!-- -->8`.\n\nMade by a program.",
        ),
        ("**Summary**\n\n```\n## What\n", f"Fixes #12\n\n**Summary**\n\n{WHAT}\n\nMade by a program."),
        ("Fixes #<Issue Number>\n", f"{WHAT}\n\nFixes #12\n\nMade by a program."),
        ("## Screenshots\nNone.\n", f"{WHAT}\n\nFixes #12\n\n## Screenshots\n\nNone.\n\nMade by a program."),
    ],
)
def test_templates_are_filled_where_that_is_true(template: str, text: str) -> None:
    assert described(template) == text


@pytest.mark.parametrize(
    ("place", "used"),
    [
        ("pull_request_template.md", True),
        ("docs/Pull_Request_Template.md", True),
        (".github/PULL_REQUEST_TEMPLATE", True),
        (".github/PULL_REQUEST_TEMPLATE/bugfix.md", True),
        (".github/PULL_REQUEST_TEMPLATE/feature.md", False),
        (".gitlab/merge_request_templates/Default.md", True),
        ("src/pull_request_template.md", False),
    ],
)
def test_where_templates_lie(place: str, used: bool) -> None:
    assert ("## Ours" in described("## Ours\n", place)) == used


def test_without_a_paragraph_the_summary_is_told() -> None:
    assert described("", change=Change(summary="Lookup fails")) == "Lookup fails\n\nMade by a program."


def test_texts_are_bounded() -> None:
    long = Change(summary="x", paragraph="word @a " * 100_000, issue=12)
    for line in (
        "- [x] a\n",
        "#8 @a\n",
        "<details>",
        "<!-- x",
        "`" * 9,
        "## What\n",
        "~~~~~\n",
        "\n",
        " ",
        "\r\n",
        "fixes ",
    ):
        assert len(described("## Other\n" + line * 30_000, change=long)) <= 40_000
    assert "Fixes #12" in described("", change=long)


PIECES = (
    "## What\n", "## Issue\n", "## Testing\n", "Fixes #7\n", "closes: #<Issue Number>\n", "- [x] done\n",
    "<!--", "-->", "<pre>", "<?", "<script>", "<details>", "````md\n", "```\n", "@team", "#8", "#1\n",
    "Fixes #1\n", "fixes GH-7\n", " ", "\n", "text", "\u202e", "\x1b[31m", "**AI**\n", "Fixes #99",
    "~~~\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_hostile_templates_are_data(template: str) -> None:
    text = described(template)
    assert not re.search(r"(?<![\w/.`])@\w|\[x\]|\u202e|\x1b", text)
    assert not re.search(r"(?i)\b(?:fix(?:es)?|closes?):?\s+(?:#(?!12\b)|gh-)\d", text)
    assert len(re.findall(r"Fixes #12", text)) == 1
    tokens = MarkdownIt("commonmark").parse(f"{text}\n\n<details>after</details>")
    assert tokens[-1].content == "<details>after</details>", "what is posted below it is not swallowed"
