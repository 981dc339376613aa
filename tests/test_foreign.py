"""What a repository writes in TOML and INI is read within bounds, whatever it is."""

import pytest

from swe_scale.foreign import parse_ini, parse_toml

MANY = 1 << 17


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "9" * 5_000,
        "a = " + "[" * MANY,
        "a" + ".a" * MANY + " = 1",
        "[" + ". ".join(['"a b"', "'='", "c-d"] * MANY) + "]",
        "a = {b" + " . b" * MANY + " = 1}",
        '"' + '\\"' * MANY,
        "x = " + "'" * MANY,
        "a" * MANY + " " * MANY,
    ],
)
def test_toml_that_can_not_be_read_within_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_toml(text)


def test_other_toml_is_read() -> None:
    assert parse_toml('[a."b.c".\'d\']\ne = ["1.2.3", "4.5"]') == {
        "a": {"b.c": {"d": {"e": ["1.2.3", "4.5"]}}}
    }


@pytest.mark.parametrize(
    "text",
    [
        "[a]\n" + "x\n" * MANY,
        "[a]\n" + "= x\n" * MANY,
        "[a]\n" + "x\n y\n" * MANY,
        "[a]\nb" + " " * MANY * 4 + "c",
        "x = 1\n",
        "[a",
    ],
)
def test_what_is_no_ini_is_found_out_at_once(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_ini(text)


def test_other_ini_is_read() -> None:
    parser = parse_ini("# x\n[a]\nb = 1\n  2  3\n\n  4\nC: %d\n[DEFAULT]\ne =\n")
    assert {name: dict(parser.items(name)) for name in parser.sections()} == {
        "a": {"b": "1\n2 3\n\n4", "c": "%d"},
        "DEFAULT": {"e": ""},
    }
