"""Connections to the very address that was checked, on real sockets; which addresses are public."""

import ipaddress
import socket
import threading
from http.server import BaseHTTPRequestHandler

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import ImageForbidden, ImageUnreadable
from loop.vision.images import ImageLimits, Images
from loop.vision.public_network import CheckedNetwork, is_public, public_client
from tests.http_servers import serve

PUBLIC = "8.8.8.8"


class Named(BaseHTTPRequestHandler):
    """Notes the host that it is asked for."""

    def do_GET(self):
        self.server.hosts.append(self.headers["Host"])
        body = b"content"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with serve(Named) as running:
        running.hosts = []
        yield running


def answer_names(monkeypatch, addresses):
    """Have the system's resolver give the next of the *addresses* for a name, the last one for ever."""
    left, resolve = list(addresses), socket.getaddrinfo

    def give(host, port, *more, **options):
        if host != "images.example":
            return resolve(host, port, *more, **options)
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", give)


@pytest.mark.parametrize("public_answers", range(4))
def test_a_name_that_gives_the_check_another_address_than_the_request_reaches_nobody(
    server, monkeypatch, public_answers
):
    refused = []
    monkeypatch.setattr(socket, "create_connection", _refuse(refused, socket.create_connection))
    answer_names(monkeypatch, [*[PUBLIC] * public_answers, "127.0.0.1"])
    images = Images(None, ImageLimits(seconds=5))

    with pytest.raises((ImageForbidden, ImageUnreadable)):
        images.fetch(f"http://images.example:{server.server_port}/a.jpg", 1)

    assert server.hosts == []
    assert {host for host, _ in refused} <= {PUBLIC}
    images.close()


def _refuse(refused, connect):
    """A network that reaches this machine and nothing else."""

    def connect_here(address, *more, **options):
        if address[0] == PUBLIC:
            refused.append(address)
            raise ConnectionRefusedError
        return connect(address, *more, **options)

    return connect_here


def test_a_redirect_to_a_name_of_a_private_address_reaches_nobody(server, monkeypatch):
    class Redirecting(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", f"http://images.example:{server.server_port}/secret")
            self.end_headers()

        def log_message(self, *_):
            pass

    class Account:
        def own_path(self, address):
            return "/data/a.jpg" if address.startswith(first.url) else None

        def authorization(self):
            return "Token secret"

    answer_names(monkeypatch, [PUBLIC, "127.0.0.1"])
    with serve(Redirecting) as first:
        images = Images(Account(), ImageLimits(seconds=5))

        with pytest.raises(ImageForbidden, match="private address"):
            images.fetch(f"{first.url}/data/a.jpg", 1)

    assert server.hosts == []
    images.close()


def test_the_checked_address_is_connected_to_under_the_name(server):
    lookups = []

    def look_up(host, port):
        lookups.append((host, port))
        return ["127.0.0.2", "127.0.0.1"]  # nobody answers at the first

    port = server.server_port
    with public_client(5, CheckedNetwork(look_up)) as client:
        answers = [client.get(f"http://images.example:{port}/a.jpg").content for _ in range(2)]

    assert answers == [b"content"] * 2
    assert server.hosts == [f"images.example:{port}"] * 2
    assert lookups == [("images.example", port)] * len(lookups)


def test_tls_asks_for_the_name():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, hellos = listener.getsockname()[1], []

        def listen():
            connection, _ = listener.accept()
            with connection:
                hellos.append(connection.recv(4096))

        thread = threading.Thread(target=listen)
        thread.start()
        with public_client(5, CheckedNetwork(lambda *_: ["127.0.0.1"])) as client, pytest.raises(httpx.ConnectError):
            client.get(f"https://images.example:{port}/a.jpg")
        thread.join()

    assert b"images.example" in hellos[0]


def test_a_proxy_of_the_environment_is_asked_and_the_name_is_checked_all_the_same(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    answer_names(monkeypatch, [PUBLIC, "127.0.0.1"])
    images = Images(None, ImageLimits(seconds=5))

    assert images.fetch("http://images.example/a.jpg", 1) == b"content"
    with pytest.raises(ImageForbidden):
        images.fetch("http://images.example/a.jpg", 1)

    assert server.hosts == ["images.example"]
    images.close()


def test_addresses_that_hang_share_one_timeout(monkeypatch):
    class Hanging:
        def __init__(self):
            self.waited = []

        def connect(self, address, timeout=None, **_):
            self.waited.append(timeout)
            raise TimeoutError

    hanging = Hanging()
    monkeypatch.setattr(socket, "create_connection", hanging.connect)
    with public_client(5, CheckedNetwork(lambda *_: [PUBLIC] * 3)) as client, pytest.raises(httpx.ConnectTimeout):
        client.get("http://images.example/a.jpg")

    assert len(hanging.waited) == 3
    assert max(hanging.waited) <= 5
    assert hanging.waited == sorted(hanging.waited, reverse=True)


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
