"""Addresses compared as they are sent, and IP addresses that are nobody's own."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.http_addresses import is_public, is_same, path_within


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        pytest.param("HTTP://Host.Example:80/a", "http://host.example/a", True, id="case-and-default-port"),
        pytest.param("https://host.example:443", "https://host.example/", True, id="no-path"),
        pytest.param("http://host.example/b/../a", "http://host.example/a", True, id="dot-segments"),
        pytest.param("http://user:word@host.example/a", "http://host.example/a", True, id="user"),
        pytest.param("http://MÜNCHEN.example/a", "http://xn--mnchen-3ya.example/a", True, id="letters-beyond-ascii"),
        pytest.param("http://host.example/a/", "http://host.example/a", False, id="slash-at-the-end"),
        pytest.param("http://host.example/a?b=1", "http://host.example/a", False, id="query"),
        pytest.param("http://host.example:8080/a", "http://host.example/a", False, id="other-port"),
        pytest.param("https://host.example/a", "http://host.example/a", False, id="other-scheme"),
        pytest.param("http://host.example@other.example/a", "http://host.example/a", False, id="host-as-user"),
        pytest.param("http://[::1]:80/a", "http://[::1]/a", True, id="ipv6"),
        pytest.param("no address", "no address", True, id="no-address"),
        pytest.param("http://host.example/a", "", False, id="empty"),
    ],
)
def test_addresses_are_compared_as_they_are_sent(address, other, same):
    assert is_same(address, other) is same
    assert is_same(other, address) is same


@pytest.mark.parametrize(
    ("address", "path"),
    [
        pytest.param("https://host.example/studio/data/a%20b.jpg?c=1", "/data/a b.jpg", id="below"),
        pytest.param("HTTPS://HOST.example:443/studio/data/", "/data", id="case-and-default-port"),
        pytest.param("https://host.example/studio", "/", id="itself"),
        pytest.param("https://host.example/x/../studio//data/./a.jpg", "/data/a.jpg", id="dot-segments"),
        pytest.param("https://host.example/data/a.jpg", None, id="beside"),
        pytest.param("https://host.example/studio2/data", None, id="longer-name"),
        pytest.param("https://host.example/studio/../data/a.jpg", None, id="out-of-it"),
        pytest.param("https://host.example/studio/%2e%2e/data/a.jpg", None, id="out-of-it-hidden"),
        pytest.param("https://host.example/studio/..%2fdata/a.jpg", None, id="out-of-it-hidden-slash"),
        pytest.param("https://host.example/other/%2e%2e/studio/data", None, id="into-it-hidden"),
        pytest.param("http://host.example/studio/data/a.jpg", None, id="other-scheme"),
        pytest.param("https://host.example:8443/studio/data/a.jpg", None, id="other-port"),
        pytest.param("https://host.example@evil.example/studio/data", None, id="host-as-user"),
        pytest.param("https://host.example.evil.example/studio/data", None, id="longer-host"),
        pytest.param("//host.example/studio/data", None, id="no-scheme"),
        pytest.param("https://[bad/studio/data", None, id="no-url"),
    ],
)
def test_a_path_is_below_a_site_only_where_every_server_reads_it_so(address, path):
    assert path_within(address, "https://Host.Example/studio/") == path


def embedded(ipv4):
    """Every IPv6 address that stands for an IPv4 address somewhere."""
    number, other = int(ipaddress.IPv4Address(ipv4)), int(ipaddress.IPv4Address("8.8.8.8"))
    hidden = number ^ 0xFFFF_FFFF
    return {
        "mapped": (0xFFFF << 32) | number,
        "compatible": number,
        "NAT64": (0x64FF9B << 96) | number,
        "6to4": (0x2002 << 112) | (number << 80) | 1,
        "Teredo server": (0x20010000 << 96) | (number << 64) | (other ^ 0xFFFF_FFFF),
        "Teredo client": (0x20010000 << 96) | (other << 64) | hidden,
    }


@given(st.ip_addresses(v=4))
def test_an_ipv6_address_that_carries_an_ipv4_address_counts_as_that(ipv4):
    expected = is_public(str(ipv4))

    for form, number in embedded(ipv4).items():
        assert is_public(str(ipaddress.IPv6Address(number))) is expected, form


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1"),
        *("::", "::1", "fe80::1", "fe80::1%2", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("64:ff9b:1::808:808", "::ffff:0:7f00:1", "::ffff:0:808:808", "100::1", "5f00::1"),
        *("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::"),
    ],
)
def test_all_other_addresses_are_not(address):
    assert not is_public(address)
