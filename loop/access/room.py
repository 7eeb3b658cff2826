"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.access.hosts import OwnHosts
from loop.access.logins import Logins
from loop.access.tokens import TokenStore


@dataclass(frozen=True, slots=True)
class AccessRoom:
    """The logins of Label Studio, the tokens of programs, and our own host names; *listens_on* is our address."""

    logins: Logins
    tokens: TokenStore
    hosts: OwnHosts
    listens_on: str
