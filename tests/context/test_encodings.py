"""Files are read in the encoding that they are written in, or not at all."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.contents.encodings import codec_of, decoded

TEXT = "имя = 'Ж'\nreturn имя\n"
ASCII = "name = 'value'\r\nreturn name\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ""),
        (TEXT.encode(), TEXT),
        (codecs.BOM_UTF8 + TEXT.encode(), TEXT),
        ("größe\n".encode("latin-1"), "größe\n"),
        (("# coding: koi8-r\n" + TEXT).encode("koi8-r"), "# coding: koi8-r\n" + TEXT),
        (
            ("#!x\n# -*- coding: cp1251 -*-\n" + TEXT).encode("cp1251"),
            "#!x\n# -*- coding: cp1251 -*-\n" + TEXT,
        ),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), TEXT),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), TEXT),
        (ASCII.encode("utf-16-le"), ASCII),
        (ASCII.encode("utf-16-be"), ASCII),
        (b"page\x0cbreak \x1b[0m\n", "page\x0cbreak \x1b[0m\n"),
    ],
)
def test_texts(data: bytes, expected: str) -> None:
    assert decoded(data) == expected


def test_a_cookie_on_the_third_line_is_a_comment() -> None:
    data = ("\n\n# coding: koi8-r\n" + TEXT).encode("koi8-r")
    assert codec_of(data) == "latin-1"


@pytest.mark.parametrize(
    "name",
    [
        "rot13",
        "unicode_escape",
        "utf_7",
        "zlib",
        "hex",
        "idna",
        "undefined",
        "no-such",
        "latin-nine",
        "cp037",
    ],
)
@pytest.mark.parametrize("body", ["plain", "größe", "%4\x07"])
def test_cookies_that_name_no_encoding_of_programs_are_ignored(name: str, body: str) -> None:
    text = f"# coding: {name}\n{body}\n"
    assert decoded(text.encode()) == text
    assert decoded(text.encode("latin-1")) == text


ODD = codecs.BOM_UTF16_LE + ASCII.encode("utf-16-le") + b"\n"
UNPAIRED = "\ud800".encode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize(
    "data",
    [
        b"a\0b\n",
        b"\x7fELF\x02\x01\x01",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        bytes(range(256)),
        codecs.BOM_UTF16_LE + "a\0b\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "a\x01b\n".encode("utf-16-be"),
        "some text\x02 more\n".encode("utf-16-le"),
        codecs.BOM_UTF32_LE + ASCII.encode("utf-32-le"),
        ODD,
        codecs.BOM_UTF16_LE + ASCII.encode("utf-16-le") + UNPAIRED,
        ASCII.encode("utf-16-le") + UNPAIRED,
    ],
)
def test_what_is_no_text(data: bytes) -> None:
    assert codec_of(data) is None and decoded(data) is None


COOKIES = st.sampled_from(
    [b"", b"# coding: koi8-r\n", b"# coding: shift_jis\n", b"# coding: gb18030\n", b"# coding: cp500\n"]
)
STARTS = st.sampled_from([b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
WIDE = st.text().map(lambda text: text.encode("utf-16-le", "surrogatepass"))
PLAIN = (
    st.binary()
    | st.lists(st.integers(0x20, 0xFF)).map(bytes)
    | st.text().map(lambda text: text.encode())
    | WIDE
)


@given(STARTS, COOKIES, PLAIN)
def test_whatever_is_decoded_is_encoded_the_same(start: bytes, cookie: bytes, rest: bytes) -> None:
    data = start + cookie + rest
    text, codec = decoded(data), codec_of(data)
    assert (text is None) == (codec is None)
    if codec is not None:
        assert data.decode(codec).encode(codec) == data
        assert text is not None and not set(text) & {"\0", "\x01", "\x1a", "\x7f"}
