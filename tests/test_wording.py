"""A change is told in a model's words, bounded and on one line; without them the issue's title has to do."""

import json
from pathlib import Path

import pytest
from solving_kit import Spoken, open_desk

from swe_scale.config import Budget
from swe_scale.records import Sampling, Words
from swe_scale.wording import worded, words_of

GIVEN = {"summary": "Return 0.0 for the mean of nothing", "paragraph": "It divided by zero."}
PATCH = "diff --git a/stats.py b/stats.py\n--- a/stats.py\n+++ b/stats.py\n@@ -1 +1 @@\n-```\n+````\n"


@pytest.mark.parametrize(
    ("reply", "summary", "paragraph"),
    [
        (json.dumps(GIVEN), GIVEN["summary"], GIVEN["paragraph"]),
        (f"So:\n```json\n{json.dumps(GIVEN)}\n```", GIVEN["summary"], GIVEN["paragraph"]),
        (json.dumps({"summary": "One\nline\x1b[31m"}), "One line [31m", ""),
        (json.dumps({"summary": "x" * 500, "paragraph": ["y"]}), f"{'x' * 119}…", ""),
        (json.dumps({**GIVEN, "paragraph": "y " * 5_000}), GIVEN["summary"], None),
    ],
)
def test_words_are_bounded_and_on_one_line(reply: str, summary: str, paragraph: str | None) -> None:
    found = words_of(reply)
    assert found is not None and found.summary == summary
    assert found.paragraph == paragraph if paragraph is not None else len(found.paragraph) <= 1_500


@pytest.mark.parametrize(
    "reply",
    ["", "none", "[]", "{", '{"summary": ""}', '{"summary": 3}', '{"paragraph": "x"}', '{"a":' * 9_999],
)
def test_what_does_not_keep_the_form_is_nothing(reply: str) -> None:
    assert words_of(reply) is None


@pytest.mark.anyio
async def test_they_are_asked_for_once(tmp_path: Path) -> None:
    model = Spoken({"words/01": json.dumps(GIVEN)})
    async with open_desk(tmp_path, model) as desk:
        for _ in range(2):
            assert await worded(desk.setting, Sampling(), PATCH) == (Words(**GIVEN), False)
    [request] = model.requests
    assert "`````diff" in request.messages[-1].content, "nothing in a patch ends its fence"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("budget", "texts", "lost"),
    [
        (Budget(), {}, True),
        (Budget(tokens=10), {"words/01": "x"}, False),
        (Budget(), {"words/01": "x"}, False),
    ],
)
async def test_a_failure_takes_nothing_along(
    tmp_path: Path, budget: Budget, texts: dict[str, str], lost: bool
) -> None:
    async with open_desk(tmp_path, Spoken(texts), budget=budget) as desk:
        assert await worded(desk.setting, Sampling(), PATCH) == (None, lost)
        [note] = [text for text in desk.texts("note") if "issue's title" in text]
        assert note.startswith("the change is told by its issue's title: ")
