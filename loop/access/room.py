"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.access.hosts import OwnHosts
from loop.access.logins import Logins
from loop.access.sign_ins import SignIns
from loop.access.tokens import TokenStore


@dataclass(frozen=True, slots=True)
class AccessRoom:
    """Logins of Label Studio, tokens of programs, sign-ins of people, own host names; *listens_on* is our address."""

    logins: Logins
    tokens: TokenStore
    sign_ins: SignIns
    hosts: OwnHosts
    listens_on: str
