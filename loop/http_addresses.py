"""Compares HTTP addresses parsed and normalised, as they are sent, and tells public IP addresses from others."""

from __future__ import annotations

import ipaddress
import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

PORTS = {"http": 80, "https": 443}
UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA gives out; every other IPv6 address has a use of its own
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # the last 32 bits are an IPv4 address (RFC 6052)
COMPATIBLE = ipaddress.IPv6Network("::/96")  # the same, deprecated (RFC 4291)


def is_same(address: str, other: str) -> bool:
    """Whether two addresses are of one scheme, host, port, path and query; a user in them makes no difference."""
    first, second = _parse(address), _parse(other)
    if first is None or second is None:
        return address == other
    return (_origin(first), first.raw_path) == (_origin(second), second.raw_path)


def path_within(address: str, site: str) -> str | None:
    """
    Return the path of an address below the address of a site, which may have a path itself.

    The path is decoded, without dot segments, and begins with a `/`. None where the address is of another scheme, host
    or port, or leaves the site's path.
    """
    inner, outer = _parse(address), _parse(site)
    if inner is None or outer is None or _origin(inner) != _origin(outer):
        return None
    path, prefix = _plain_path(inner), _plain_path(outer).rstrip("/")
    readings = (path, inner.path)  # the second is that of a server that takes `%2e%2e` for a name
    is_below = all(reading == prefix or reading.startswith(f"{prefix}/") for reading in readings)
    return path[len(prefix) :] or "/" if is_below else None


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


def _parse(address: str) -> httpx.URL | None:
    """Parse an address as httpx does when it sends a request; None for an address that it does not send."""
    import httpx

    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        return None
    return url if url.scheme in PORTS and url.host else None


def _plain_path(url: httpx.URL) -> str:
    """Return the path of an address as most servers read it: decoded, without dot segments and empty parts."""
    return posixpath.normpath("/" + url.path.lstrip("/"))


def _origin(url: httpx.URL) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host.rstrip(b"."), url.port or PORTS[url.scheme]
