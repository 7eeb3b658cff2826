"""Compares HTTP addresses as they are sent: parsed and normalised."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    import httpx

PORTS = {"http": 80, "https": 443}
DOTS = (".", "..")


def is_same(address: str, other: str) -> bool:
    """
    Whether two addresses are of one scheme, host, port, path and query; a user in them makes no difference.

    All names of loopback count as one host.
    """
    first, second = _parse(address), _parse(other)
    if first is None or second is None:
        return address == other
    if is_loopback(first.host) and is_loopback(second.host):
        first = first.copy_with(host=second.host)
    return (_origin(first), first.raw_path) == (_origin(second), second.raw_path)


def is_loopback(host: str) -> bool:
    """Whether a host, by its name or its IP address, is reached from its own machine alone."""
    name = plain_host(host)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def plain_host(host: str) -> str:
    """Return a host as it is compared: in lower case, without the brackets of IPv6 and the dot at the end of a name."""
    return host.strip("[]").rstrip(".").lower()


def path_within(address: str, site: str) -> str | None:
    """
    Return the path of an address below the address of a site, which may have a path itself.

    The path is decoded, without dot segments, and begins with a `/`. None where the address is of another scheme, host
    or port, or leaves the site's path, or where servers read its dots differently.
    """
    inner, outer = _parse(address), _parse(site)
    if inner is None or outer is None or _origin(inner) != _origin(outer) or _hides_dots(inner):
        return None
    path, prefix = _plain_path(inner), _plain_path(outer).rstrip("/")
    readings = (path, inner.path)  # the second is that of a server that takes `%2e%2e` for a name
    is_below = all(reading == prefix or reading.startswith(f"{prefix}/") for reading in readings)
    return path[len(prefix) :] or "/" if is_below else None


def _parse(address: str) -> httpx.URL | None:
    """Parse an address as httpx does when it sends a request; None for an address that it does not send."""
    import httpx

    try:
        url = httpx.URL(address)
        is_whole = url.scheme in PORTS and bool(url.host and url.raw_host)
    except (httpx.InvalidURL, ValueError):  # of the hosts too, for `xn--.example` and for `[::1%ü]`
        return None
    return url if is_whole else None


def _plain_path(url: httpx.URL) -> str:
    """Return the path of an address as most servers read it: decoded, without dot segments and empty parts."""
    return posixpath.normpath("/" + url.path.lstrip("/"))


def _hides_dots(url: httpx.URL) -> bool:
    """Whether some servers see a dot segment in a path where most see a name."""
    parts = re.split(r"[/\\]", unquote(url.path))  # decoded twice, and with backslashes as slashes
    seen = sum(part in DOTS for part in url.path.split("/"))
    return sum(part.partition(";")[0] in DOTS for part in parts) > seen  # without parameters


def _origin(url: httpx.URL) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host.rstrip(b"."), url.port or PORTS[url.scheme]
