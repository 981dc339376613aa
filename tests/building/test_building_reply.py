"""What a reply proposes, and what is said of one that proposes nothing."""

import pytest

from swe_scale.building.reply import Malformed, Suggestion, read_reply


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("So.\n```bash\na\nb\n```\n", Suggestion("a\nb")),
        ("```sh\na\n```\n```test\nrun {tests}\n```", Suggestion("a", "run {tests}")),
        ("````bash\ncat <<E\n```bash\nE\n````", Suggestion("cat <<E\n```bash\nE")),
        ("```python\nx\n```\n```bash\na\n```", Suggestion("a")),
    ],
)
def test_a_block_is_read(text: str, suggestion: Suggestion) -> None:
    assert read_reply(text) == suggestion


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "found 0"),
        ("```bash\na\n```\n```bash\nb\n```", "found 2"),
        ("```bash\n\n```", "empty"),
        ("```bash\na", "found 0"),
        ("```bash\n" + "a" * 20_000 + "\n```", "longer than"),
        ("```bash\na\0\n```", "not text"),
        ("```bash\na\n```\n```test\nrun\n```", "{tests}"),
        ("```bash\na\n```\n```test\nrun {tests}\nmore\n```", "one line"),
    ],
)
def test_what_is_none_is_named(text: str, fault: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_reply(text)
    assert fault in str(caught.value)
