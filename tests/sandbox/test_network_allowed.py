from collections.abc import Sequence

import pytest

from swe_scale.config import Network
from swe_scale.errors import UsageError
from swe_scale.sandbox.network.addresses import why_not
from swe_scale.sandbox.network.allowed import Allowed, Entry, Refused, further_host
from swe_scale.sandbox.network.authority import Authority, parse_authority

pytestmark = pytest.mark.anyio

INNER = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
]
INNER += ["64:ff9b::7f00:1", "2002:7f00:1::", "198.18.0.1", "240.0.0.1", "64:ff9b:1::808:808", "fec0::1"]
NEVER = ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254"]
NEVER += ["100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0", "0.1.2.3", "::", "255.255.255.255"]
NEVER += ["224.0.0.1", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"]
NEVER += ["::169.254.169.254", "no address", "", "127.1", "2130706433"]


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_may_be_reached(address: str) -> None:
    assert why_not(address, inner=False) is None


@pytest.mark.parametrize("address", INNER)
def test_inner_addresses_only_where_they_are_meant(address: str) -> None:
    assert "not an address of the public internet" in str(why_not(address, inner=False))
    assert why_not(address, inner=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_reached(address: str) -> None:
    assert why_not(address, inner=False)
    assert why_not(address, inner=True)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("Example.ORG.", "example.org", 443),
        ("example.org:8080", "example.org", 8080),
        ("[::0001]:8", "::1", 8),
        ("[2001:DB8:0::1]", "2001:db8::1", 443),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("a_b.example.org", "a_b.example.org", 443),
    ],
)
def test_one_form_per_host(text: str, host: str, port: int) -> None:
    found = parse_authority(text, 443)
    assert found == Authority(host, port)
    assert parse_authority(str(found), None) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", ":80", "a:", "a:0", "a:65536", "a:1:2", "a b", "a/b", "a@b", "a..b", "-a", "a-", ".a", "a\n"),
        *("2130706433", "127.1", "0x7f.0.0.1", "0177.0.0.1", "1.2.3.4.5", "a.0x7f", "1.2.3.400", "٣.org"),
        *("[::1", "[1.2.3.4]", "[fe80::1%eth0]", "[]", "::1", "a" * 64, ".".join(["a" * 60] * 5), "*.a.org"),
    ],
)
def test_what_could_be_read_as_another_host_is_none(text: str) -> None:
    assert parse_authority(text, 443) is None


def test_further_hosts_are_covered_as_written() -> None:
    plain, with_port, below = map(further_host, ("example.org", "example.org:8080", "*.example.org"))
    assert plain.covers(Authority("example.org", 443)) and plain.covers(Authority("example.org", 80))
    assert not plain.covers(Authority("example.org", 22))
    assert not plain.covers(Authority("a.example.org", 443))
    assert with_port.covers(Authority("example.org", 8080))
    assert not with_port.covers(Authority("example.org", 443))
    assert below.covers(Authority("a.b.example.org", 443))
    assert not below.covers(Authority("example.org", 443))
    assert not below.covers(Authority("evilexample.org", 443))
    assert not any(entry.inner for entry in (plain, with_port, below))


@pytest.mark.parametrize("text", ["*", "*.org", "*.", "a.*", "https://a.org", "a.org/x", "a.org:x", ""])
def test_malformed_further_hosts_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write host, host:port"):
        further_host(text)


@pytest.mark.parametrize("text", ["*", "https://a.org", "a.org/x", "a b"])
def test_the_configuration_refuses_them_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="write host, host:port"):
        Network(setup_hosts=(text,))


async def test_a_name_is_held_to_its_addresses() -> None:
    async def resolver(authority: Authority) -> Sequence[str]:
        return {"mixed.example.org": ["10.0.0.1", "8.8.8.8"], "inner.example.org": ["127.0.0.1", "::1"]}.get(
            authority.host, []
        )

    entries = (further_host("*.example.org"), Entry("inner.example.org", (8080,), inner=True))
    allowed = Allowed(entries, resolver)
    assert await allowed.addresses(Authority("mixed.example.org", 443)) == ["8.8.8.8"]
    assert await allowed.addresses(Authority("inner.example.org", 8080)) == ["127.0.0.1", "::1"]
    with pytest.raises(Refused, match=r"127\.0\.0\.1 is not an address of the public internet") as refused:
        await allowed.addresses(Authority("inner.example.org", 443))
    assert refused.value.status == 403
    with pytest.raises(Refused, match="has no address"):
        await allowed.addresses(Authority("other.example.org", 443))
    with pytest.raises(Refused, match="is not allowed; add it to `setup_hosts`"):
        await allowed.addresses(Authority("example.org", 443))


async def test_localhost_is_this_host_by_any_name() -> None:
    with pytest.raises(Refused, match="not an address of the public internet"):
        await Allowed((further_host("localhost"),)).addresses(Authority("localhost", 443))
