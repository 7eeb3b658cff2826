"""The doctor's checks of Label Studio as a whole: the key, its version, its clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from loop.errors import UpstreamError
from loop.installation.findings import Finding, ok, warning, wrong
from loop.label_studio.token import Token
from loop.parts import Parts

TESTED = ((1, 23), (1, 23))
CLOCK_WARNING, CLOCK_WRONG = 5.0, 60.0  # seconds
SOON = timedelta(days=14)
NEW_KEY = "make a personal access token in Label Studio (Account & Settings) and set LABEL_STUDIO_API_KEY"


def token(parts: Parts) -> list[Finding]:
    """What kind of key there is, whether Label Studio is reached, and takes it."""
    key = parts.label_studio.token()
    if not key.is_usable:
        return [wrong("token", _told(key), NEW_KEY)]
    try:
        parts.label_studio.get("api/projects/", page_size=1)
    except UpstreamError as error:
        return [_refused(key, str(error))]
    if key.expires_at and key.expires_at - datetime.now(UTC) < SOON:
        return [warning("token", f"{_told(key)}; it works", NEW_KEY)]
    return [ok("token", f"{_told(key)}; it works")]


def _told(key: Token) -> str:
    if key.expires_at is None:
        return key.kind
    word = "expires" if key.expires_at > datetime.now(UTC) else "expired"
    return f"{key.kind}, {word} {key.expires_at:%Y-%m-%d}"


def _refused(key: Token, error: str) -> Finding:
    if "legacy token authentication has been disabled" in error:
        advice = f"enable legacy tokens in the organization's settings (Access Token Settings), or {NEW_KEY}"
        return wrong("token", f"{key.kind}, and Label Studio has them disabled", advice)
    if " with 401" in error or " with 403" in error or "is no good" in error:
        return wrong("token", f"{key.kind}; Label Studio does not take it: {error}", NEW_KEY)
    advice = "is it running, is LABEL_STUDIO_URL right, does a proxy stand between?"
    return wrong("label studio", f"not reached with a {key.kind}: {error}", advice)


def version(parts: Parts) -> list[Finding]:
    """Label Studio's version, and how long it takes to say so."""
    began = datetime.now(UTC)
    said = parts.label_studio.get("api/version")
    milliseconds = (datetime.now(UTC) - began).total_seconds() * 1000
    text = str((said.get("label-studio-os-package") or {}).get("version") or said.get("release") or "unknown")
    found = f"{parts.label_studio.url} is Label Studio {text}, answers in {milliseconds:.0f} ms"
    match = re.match(r"(\d+)\.(\d+)", text)
    low, high = TESTED
    if match and low <= (int(match[1]), int(match[2])) <= high:
        return [ok("label studio", found)]
    tested = " to ".join(dict.fromkeys(".".join(map(str, one)) for one in TESTED))
    return [warning("label studio", found, f"tested with {tested}: try a project of its own first")]


def clock(parts: Parts) -> list[Finding]:
    """The difference of the clocks: what a reviewer saw is told by when it was served."""
    began = datetime.now(UTC)
    there = parts.label_studio.now()
    middle = began + (datetime.now(UTC) - began) / 2
    seconds = (there - middle).total_seconds()
    off = max(0.0, abs(seconds + 0.5) - 0.5)  # it tells whole seconds, rounded down
    found = f"differs by {off:.1f} s"
    if off < CLOCK_WARNING:
        return [ok("clock", found)]
    return [(wrong if off > CLOCK_WRONG else warning)("clock", found, "let both machines set their clocks by NTP")]


STUDIO = (version, clock)
