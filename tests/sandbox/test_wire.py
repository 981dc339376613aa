"""What is sent comes back as it was, and what can't be read is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.errors import SandboxError
from swe_scale.sandbox import wire


@given(st.integers(0, 2**64 - 1), st.binary(max_size=300), st.text(max_size=50))
def test_numbers_bytes_and_texts_come_back(number: int, data: bytes, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    answer = wire.Answer(wire.number(number) + wire.data(data) + wire.data(text))
    assert (answer.number(), answer.data(), answer.text(), answer.more) == (number, data, text, False)


@given(st.binary(max_size=40))
def test_what_can_not_be_read_is_refused(content: bytes) -> None:
    answer = wire.Answer(content)
    try:
        while answer.more:
            answer.data()
    except SandboxError as error:
        assert "can't be read" in str(error)  # noqa: PT017 - most contents can't, some can


def test_a_name_that_is_no_text_comes_back() -> None:
    assert wire.Answer(wire.data(b"a\xff")).text() == "a\udcff"
    assert wire.Answer(wire.data("a\udcff")).data() == b"a\xff"


def test_a_request_of_any_size_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST", 8)
    assert wire.frame(b"12345678") == b"\x08\0\0\x0012345678"
    with pytest.raises(SandboxError, match="more than a sandbox takes"):
        wire.frame(b"123456789")
