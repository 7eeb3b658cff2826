"""The host names by which requests may address the backend. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

ANY = ("", "0.0.0.0", "::")  # noqa: S104 (addresses to listen on, which stand for every address of the machine)
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d{1,5})?", re.IGNORECASE)  # of the header, with a port or without


@dataclass(frozen=True, slots=True)
class OwnHosts:
    """
    Our own host names beside those of loopback.

    A backend that listens on every address of its machine is addressed by any number: only a name can be bound to
    another address by somebody else.
    """

    names: frozenset[str]
    takes_numbers: bool

    @classmethod
    def of(cls, listens_on: str, url: str) -> OwnHosts:
        """Return the hosts of a backend by the address that it listens on and the URL that Label Studio is given."""
        names = (_plain(listens_on), _plain(urlsplit(url).hostname or ""))
        return cls(frozenset(name for name in names if name not in ANY), takes_numbers=listens_on in ANY)

    def has(self, header: str) -> bool:
        """Whether the host of a `Host` header is ours."""
        match = HOST.fullmatch(header.strip())
        if not match:
            return False
        name = _plain(match[1])
        number = _number(name)
        if number is not None and (number.is_loopback or self.takes_numbers):
            return True
        return name == "localhost" or name in self.names


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address to listen on."""
    number = _number(_plain(host))
    return number.is_loopback if number is not None else _plain(host) == "localhost"


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
