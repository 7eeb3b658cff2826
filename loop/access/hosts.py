"""The host names by which requests may address the backend."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from loop.http_addresses import is_loopback, plain_host

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
        own = plain_host(listens_on)
        names = {own, plain_host(urlsplit(url).hostname or "")}
        return cls(frozenset(names.difference(ANY)), takes_numbers=own in ANY)

    def has(self, header: str) -> bool:
        """Whether the host of a `Host` header is ours."""
        match = HOST.fullmatch(header.strip())
        if not match:
            return False
        name = plain_host(match[1])
        return is_loopback(name) or name in self.names or (self.takes_numbers and _is_number(name))


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
