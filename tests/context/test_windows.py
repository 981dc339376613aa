"""Windows hold a text in order, none is larger than it may be, and cutting takes time by its length."""

import pytest

from swe_scale.contents.outline import Definition
from swe_scale.context.excerpt import estimate_tokens
from swe_scale.context.windows import windows


@pytest.mark.parametrize("tokens", [50, 333, 4000])
@pytest.mark.parametrize(
    "text",
    [
        "\n".join("x" * (number % 97) for number in range(3000)),
        "\n" * 20_000,
        "short\n" * 30 + "y" * 140 + "\n" + "z" * 148 + "\n" + "short\n" * 90,
    ],
)
def test_no_window_is_too_large_and_no_line_is_lost(text: str, tokens: int) -> None:
    starts = [Definition(name="f", first=line, last=line, body=line) for line in range(1, 3000, 7)]
    parts = list(windows(text, starts, tokens, estimate_tokens))
    assert all(estimate_tokens(part) <= tokens for part in parts)
    if tokens > 100:
        assert "\n".join(parts) == text


def test_only_the_windows_are_measured_again() -> None:
    measured = 0

    def measure(text: str) -> int:
        nonlocal measured
        measured += len(text)
        return estimate_tokens(text)

    text = "a line of some code\n" * 50_000
    assert "\n".join(windows(text, (), 12_000, measure)) == text
    assert measured < 4 * len(text)
