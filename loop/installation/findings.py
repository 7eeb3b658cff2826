"""What the doctor finds, and how it is told. Pure."""

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


def is_private(url: str) -> bool:
    """Whether an address is one that Label Studio calls only where its guards are off, as far as its text tells."""
    host = urlsplit(url).hostname or ""
    if "." not in host and ":" not in host:  # localhost, or a name of the own network
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
