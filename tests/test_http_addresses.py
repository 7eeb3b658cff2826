"""Addresses compared as they are sent."""

import pytest

from loop.http_addresses import is_loopback, is_same, path_within


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
        pytest.param("http://LocalHost:90/a", "http://127.0.0.1:90/a", True, id="loopback"),
        pytest.param("http://[::1]:90/a", "http://localhost.:90/a", True, id="loopback-of-ipv6"),
        pytest.param("http://localhost:90/a", "http://127.0.0.1:91/a", False, id="other-port-of-loopback"),
        pytest.param("http://localhost.example/a", "http://localhost/a", False, id="longer-loopback"),
        pytest.param("no address", "no address", True, id="no-address"),
        pytest.param("http://xn--.example/a", "http://host.example/a", False, id="name-that-cannot-be-decoded"),
        pytest.param("http://[::1%ü]/a", "http://host.example/a", False, id="zone-that-cannot-be-encoded"),
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
        pytest.param("https://host.example/studio/data/%252e%252e/%252e%252e/a", None, id="out-of-it-encoded-twice"),
        pytest.param("https://host.example/studio/data/..;/..;x/a", None, id="out-of-it-with-parameters"),
        pytest.param("https://host.example/studio/data/..\\..\\a", None, id="out-of-it-by-backslashes"),
        pytest.param("https://host.example/studio/data/a%2520b;1..%25.jpg", "/data/a%20b;1..%.jpg", id="odd-name"),
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


@pytest.mark.parametrize(
    ("host", "is_ours_alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False)],
)
def test_an_address_to_listen_on_tells_who_reaches_it(host, is_ours_alone):
    assert is_loopback(host) is is_ours_alone
