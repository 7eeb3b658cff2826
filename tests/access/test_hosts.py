"""The hosts that requests may address."""

import pytest

from loop.access.hosts import OwnHosts

HERE = OwnHosts.of("127.0.0.1", "http://127.0.0.1:9090")
NAMED = OwnHosts.of("0.0.0.0", "https://Loop.Example.com./")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "127.1.2.3", "[::1]:9090", "localhost."]
)
def test_loopback_is_ours(host):
    assert HERE.has(host)
    assert NAMED.has(host)


@pytest.mark.parametrize("host", ["loop.example.com", "loop.example.com:443", "LOOP.example.COM.", "10.0.0.7:9090"])
def test_the_host_of_our_url_is_ours_and_any_number_where_we_listen_on_all(host):
    assert NAMED.has(host)
    assert not HERE.has(host)


@pytest.mark.parametrize("listens_on", ["0.0.0.0", "", "::", "[::]"])
def test_a_backend_that_listens_on_all_addresses_takes_any_number(listens_on):
    assert OwnHosts.of(listens_on, "http://loop.example.com").has("10.0.0.7:9090")


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "evil.example:9090", "loop.example.com.evil.example", ""),
        *("localhost@evil.example", "evil.example/localhost", "localhost:9090:1", "127.0.0.1.evil.example", "0x7f.1"),
        *("loop.example.com\x00", "localhost evil.example", "[::1].evil.example", "²"),
    ],
)
def test_every_other_is_not(host):
    assert not HERE.has(host)
    assert not NAMED.has(host)
