"""What the doctor finds, and how it is told. Pure."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import urlsplit

from loop.secrecy import redact


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was *found*, and where that is not well, what to do about it."""

    check: str
    level: Level
    found: str
    advice: str = ""
    project: int | None = None


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """It works, and not as well as it should, or not for long."""
    return Finding(check, Level.WARNING, found, advice)


def wrong(check: str, found: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check, Level.WRONG, found, advice)


def is_anything_wrong(findings: Iterable[Finding]) -> bool:
    """Whether something does not work."""
    return any(one.level == Level.WRONG for one in findings)


def told_safely(finding: Finding) -> Finding:
    """The same without passwords and signatures that an address in it may carry."""
    return replace(finding, found=redact(finding.found), advice=redact(finding.advice))


@dataclass(frozen=True, slots=True)
class Token:
    """What a key for Label Studio is, as far as it tells by itself; the key is not kept."""

    kind: str
    is_usable: bool
    expires_at: datetime | None = None


def read_token(key: str, now: datetime) -> Token:
    """
    Say what kind of key it is.

    A personal access token is a JWT of the type `refresh`; the `access` tokens that it is changed for live five minutes
    and are of no use as a setting. Anything else is taken for a legacy token. Its signature is Label Studio's to check.
    """
    if not key:
        return Token("no key", is_usable=False)
    claims = _claims(key)
    if claims is None:
        return Token("legacy token", is_usable=True)
    until = claims.get("exp")
    expires_at = datetime.fromtimestamp(until, UTC) if isinstance(until, int | float) else None
    if claims.get("token_type") == "access":
        return Token("access token, which lives for minutes", is_usable=False, expires_at=expires_at)
    is_over = expires_at is not None and expires_at <= now
    return Token("personal access token", is_usable=not is_over, expires_at=expires_at)


def _claims(key: str) -> dict[str, object] | None:
    parts = key.split(".")
    if len(parts) != 3:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    return found if isinstance(found, dict) else None


def is_private(url: str) -> bool:
    """Whether an address is one that Label Studio calls only where its guards are off, as far as its text tells."""
    host = urlsplit(url).hostname or ""
    if "." not in host and ":" not in host:  # localhost, or a name of the own network
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
