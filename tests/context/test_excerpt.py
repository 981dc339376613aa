"""Large files are cut to what matters, and say so."""

from context_kit import find

from swe_scale.context import estimate_tokens
from swe_scale.records import ContextFile, Issue


def large(functions: int, wanted: int) -> str:
    blocks = []
    for number in range(functions):
        name = "overflow_guard" if number == wanted else f"plain_{number}"
        blocks.append(f"def {name}(value):\n    count = value + {number}\n    return count\n\n")
    return "".join(blocks)


def cut(text: str, body: str, budget: int = 2_000) -> ContextFile:
    asked = Issue(id="i", repo="/r", base_commit="0" * 40, title="Wrong", body=body)
    found = find(asked, {"big.py": text.encode()}, budget)
    (file,) = found.files
    return file


def shown(file: ContextFile) -> tuple[list[tuple[int, int]], int]:
    reason = next(reason for reason in file.reasons if reason.startswith("cut to lines "))
    ranges, _, total = reason.removeprefix("cut to lines ").partition(" of ")
    pairs = [part.split("-") for part in ranges.split(", ")]
    return [(int(first), int(last)) for first, last in pairs], int(total)


def test_a_file_that_fits_is_whole() -> None:
    text = large(10, 3)
    assert cut(text, "overflow_guard").text == text


def test_the_definition_that_is_named_is_kept_with_its_lines() -> None:
    text = large(2_000, 1_500)
    file = cut(text, "`overflow_guard` counts wrong")
    assert "def overflow_guard(value):\n    count = value + 1500\n    return count\n" in file.text
    assert any(first <= 6_001 and last >= 6_003 for first, last in shown(file)[0])


def test_the_line_of_a_traceback_is_kept() -> None:
    file = cut(large(2_000, 0), 'File "big.py", line 4803, in plain_1200')
    assert "def plain_1200(value):" in file.text


def test_kept_lines_stand_as_they_are_and_gaps_say_how_many_are_missing() -> None:
    text = large(2_000, 1_500)
    lines = text.split("\n")
    file = cut(text, "`overflow_guard`, `plain_7`, `plain_900`")
    ranges, total = shown(file)
    assert total == len(lines)
    expected, end = [], 0
    for first, last in ranges:
        expected += [f"… {first - end - 1} lines left out …"] if first > end + 1 else []
        expected += lines[first - 1 : last]
        end = last
    expected += [f"… {total - end} lines left out …"] if end < total else []
    assert file.text.split("\n") == expected
    assert file.tokens == estimate_tokens(file.text) <= 2_000


def test_windows_line_ends_stay() -> None:
    file = cut(large(2_000, 1_500).replace("\n", "\r\n"), "`overflow_guard`")
    assert "def overflow_guard(value):\r\n    count" in file.text


def test_long_functions_are_cut_within() -> None:
    body = "".join(f"    total += step_{number}\n" for number in range(3_000))
    file = cut(f"def compute():\n{body}", "`step_1700` is added twice")
    assert "    total += step_1700\n" in file.text


def test_a_large_file_does_not_crowd_out_the_rest() -> None:
    asked = Issue(id="i", repo="/r", base_commit="0" * 40, title="`overflow_guard` is wrong", body="")
    tree = {"big.py": large(2_000, 5).encode()}
    tree |= {f"small{number}.py": large(20, 30).encode() for number in range(20)}
    found = find(asked, tree, 4_000)
    assert found.files[0].path == "big.py"
    assert found.files[0].tokens < 2_000
    assert len(found.files) > 5


def test_a_file_of_one_long_line_is_left_out_when_it_does_not_fit() -> None:
    asked = Issue(id="i", repo="/r", base_commit="0" * 40, title="count", body="")
    assert find(asked, {"a.py": b"count = " + b"1" * 3_000}, 500).files == ()
