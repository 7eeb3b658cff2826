"""The findings of the doctor. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from loop.secrecy import redact


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    UNDER_WAY = "under way"  # not ready yet, and becomes so by itself
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was *found* and, unless all is well, the *advice*."""

    check: str
    level: Level
    found: str
    advice: str = ""
    project: int | None = None


def ok(check: str, found: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, Level.OK, found)


def under_way(check: str, found: str, advice: str) -> Finding:
    """Return a finding about something that is not ready yet, and becomes so by itself."""
    return Finding(check, Level.UNDER_WAY, found, advice)


def warning(check: str, found: str, advice: str) -> Finding:
    """Return a finding about something that works badly, or soon will not."""
    return Finding(check, Level.WARNING, found, advice)


def wrong(check: str, found: str, advice: str) -> Finding:
    """Return a finding about something that does not work."""
    return Finding(check, Level.WRONG, found, advice)


def is_anything_wrong(findings: Iterable[Finding]) -> bool:
    """Whether something does not work."""
    return any(finding.level == Level.WRONG for finding in findings)


def redact_finding(finding: Finding) -> Finding:
    """Return the same finding without passwords and signatures of addresses in it."""
    return replace(finding, found=redact(finding.found), advice=redact(finding.advice))


def is_private(url: str) -> bool:
    """Whether Label Studio calls an address only with its guards off, as far as the text of the address tells."""
    host = urlsplit(url).hostname or ""
    if "." not in host and ":" not in host:  # localhost, or a name in the local network
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
