"""An HTTP client that connects to public addresses only, each time to the very address that was checked."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

Lookup = Callable[[str, int], list[str]]  # the addresses of a host and a port
UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA gives out; every other IPv6 address has a use of its own
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # the last 32 bits are an IPv4 address (RFC 6052)
COMPATIBLE = ipaddress.IPv6Network("::/96")  # the same, deprecated (RFC 4291)


def look_up_public(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host. Raises PermissionError where one of them is not public, OSError for none."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    if not all(is_public(address) for address in addresses):
        raise PermissionError(f"{host} has a private address")
    return addresses


def is_public(text: str) -> bool:
    """
    Whether an IP address is one of the internet's, so that it is nobody's own network or machine.

    An IPv6 address that carries an IPv4 address is public if that is: a gateway sends its packets there.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        carried = _carried(address)
        if carried:
            return all(_is_public_ipv4(ipv4) for ipv4 in carried)
        return address in UNICAST and address.is_global
    return _is_public_ipv4(address)


def _is_public_ipv4(address: ipaddress.IPv4Address) -> bool:
    return address.is_global and not address.is_multicast


def _carried(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the IPv4 addresses that an IPv6 address carries: mapped, 6to4, Teredo, NAT64, compatible."""
    if address.teredo:
        return address.teredo
    if address in NAT64 or address in COMPATIBLE:
        return (ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF),)
    ipv4 = address.ipv4_mapped or address.sixtofour
    return (ipv4,) if ipv4 else ()


class CheckedNetwork(httpcore.NetworkBackend):
    """
    Connects to the addresses that a lookup gives for a host.

    The name is looked up once for a connection, so its owner cannot give one address to the check and another to the
    request. TLS, and the Host header, have the name.
    """

    def __init__(self, look_up: Lookup = look_up_public) -> None:
        self._look_up, self._plain = look_up, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers, all of them within one timeout."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        ends_at = None if timeout is None else time.monotonic() + timeout
        for address in self._look_up(host, port):
            left = None if ends_at is None else max(0.001, ends_at - time.monotonic())
            try:
                return self._plain.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def public_client(seconds: float, network: CheckedNetwork | None = None) -> httpx.Client:
    """
    Return a client whose own connections go through a checked network.

    Where the environment names a proxy (HTTPS_PROXY), the proxy connects: it looks the name up by itself.
    """
    client = httpx.Client(timeout=seconds, follow_redirects=False)
    transport = httpx.HTTPTransport()
    transport._pool = httpcore.ConnectionPool(
        ssl_context=httpx.create_ssl_context(),
        max_connections=100,
        max_keepalive_connections=20,
        keepalive_expiry=5.0,  # as httpx has them
        network_backend=network or CheckedNetwork(),
    )
    client._transport = transport  # a transport given to the client would take the place of the proxies as well
    return client
