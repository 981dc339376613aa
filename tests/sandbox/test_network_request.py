from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.sandbox.network.allowed import Refused
from swe_scale.sandbox.network.authority import Authority
from swe_scale.sandbox.network.request import Request, parse_head

HOST = b"Host: a.org\r\n"


def parsed(text: bytes) -> Request:
    return parse_head(text.removesuffix(b"\r\n"))


def test_a_tunnel() -> None:
    request = parsed(b"CONNECT A.org:443 HTTP/1.1\r\nHost: a.org:443\r\nProxy-Authorization: Basic x\r\n")
    assert request.tunnel and request.authority == Authority("a.org", 443)
    assert parsed(b"CONNECT [::1]:443 HTTP/1.0\r\n").authority == Authority("::1", 443)
    # Old clients give no port there.
    assert parsed(b"CONNECT a.org:443 HTTP/1.1\r\nHost: a.org\r\n").tunnel


def test_a_request_is_passed_on_for_its_server_alone() -> None:
    request = parsed(
        b"POST http://a.org:8080/x?y=http://b.org/ HTTP/1.1\r\nHost: a.org:8080\r\nAccept: */*\r\n"
        b"Connection: close, X-Hop\r\nX-Hop: 1\r\nProxy-Authorization: Basic x\r\nTE: trailers\r\n"
        b"Content-Length: 3\r\n"
    )
    assert request.length == 3 and not request.tunnel
    assert request.head(request.path, [(b"X-Own", b"1")]) == (
        b"POST /x?y=http://b.org/ HTTP/1.1\r\nHost: a.org:8080\r\naccept: */*\r\nX-Own: 1\r\n"
        b"Connection: close\r\nContent-Length: 3\r\n\r\n"
    )


def test_an_address_without_path() -> None:
    request = parsed(b"GET http://a.org?x HTTP/1.0\r\n")
    assert request.head(request.path, []) == (b"GET /?x HTTP/1.1\r\nHost: a.org\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST,
        b"GET a.org HTTP/1.1\r\n" + HOST,
        b"GET https://a.org/ HTTP/1.1\r\n" + HOST,
        b"GET file:///etc/passwd HTTP/1.1\r\n" + HOST,
        b"GET http://me:pw@a.org/ HTTP/1.1\r\n" + HOST,
        b"GET http:///x HTTP/1.1\r\n" + HOST,
        b"GET http://a.org/ HTTP/2.0\r\n" + HOST,
        b"GET http://a.org/ HTTP/1.1\r\n",
        b"GET http://a.org/ HTTP/1.1\r\nHost: b.org\r\n",
        b"GET http://a.org/ HTTP/1.1\r\nHost: a.org:81\r\n",
        b"GET http://a.org/ HTTP/1.1\r\n" + 2 * HOST,
        b"GET  http://a.org/ HTTP/1.1\r\n" + HOST,
        b"GET http://a.org/ x HTTP/1.1\r\n" + HOST,
        b"GET http://a.org/\x7f HTTP/1.1\r\n" + HOST,
        b"get http://a.org/ HTTP/1.1\r\n" + HOST,
        b"GET http://a.org/ HTTP/1.1\n" + HOST,
        b"GET http://a.org/ HTTP/1.1\r\nX : y\r\n" + HOST,
        b"GET http://a.org/ HTTP/1.1\r\n folded: y\r\n" + HOST,
        b"GET http://a.org/ HTTP/1.1\r\nX: a\nb\r\n" + HOST,
        b"GET http://a.org/ HTTP/1.1\r\nX: a\0b\r\n" + HOST,
        b"POST http://a.org/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n" + HOST,
        b"POST http://a.org/ HTTP/1.1\r\nContent-Length: +1\r\n" + HOST,
        b"POST http://a.org/ HTTP/1.1\r\nContent-Length: 1, 1\r\n" + HOST,
        b"POST http://a.org/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + HOST,
        b"CONNECT a.org HTTP/1.1\r\n" + HOST,
        b"CONNECT http://a.org:443 HTTP/1.1\r\n" + HOST,
        b"CONNECT a.org:443/x HTTP/1.1\r\n" + HOST,
        b"CONNECT a.org:99999 HTTP/1.1\r\n" + HOST,
        b"CONNECT 2130706433:80 HTTP/1.1\r\n\r\n",
        b"CONNECT a.org:443 HTTP/1.1\r\nHost: b.org:443\r\n",
        b"CONNECT a.org:443 HTTP/1.1\r\nContent-Length: 4\r\n" + HOST,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parsed(text)
    assert refused.value.status == 400
    assert "\n" not in refused.value.reason


def test_chunks_and_many_fields_have_their_own_answers() -> None:
    with pytest.raises(Refused) as chunked:
        parsed(b"POST http://a.org/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST)
    with pytest.raises(Refused) as many:
        parsed(b"GET http://a.org/ HTTP/1.1\r\n" + HOST + b"a: b\r\n" * 100)
    assert (chunked.value.status, many.value.status) == (411, 431)


@given(
    st.binary(max_size=80)
    | st.builds(lambda a, b: b"CONNECT " + a + b" HTTP/1.1\r\n" + b, st.binary(), st.binary())
    | st.builds(lambda a, b: b"GET http://" + a + b" HTTP/1.1\r\n" + b, st.binary(), st.binary())
)
def test_any_bytes_are_a_request_or_refused(head: bytes) -> None:
    with suppress(Refused):
        request = parse_head(head)
        assert request.head(request.path, []).count(b"\r\n\r\n") == 1
