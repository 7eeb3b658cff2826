"""Checks of Label Studio as a whole, API key, version, clock, and of the backend that its click tools ask."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from loop.errors import LegacyTokenRefused, UpstreamError
from loop.installation.findings import Finding, ok, warning, wrong
from loop.installation.room import InstallationRoom
from loop.label_studio.connection import Token

TESTED = ((1, 23), (1, 23))
CLOCK_WARNING, CLOCK_WRONG = 5.0, 60.0  # seconds
SOON = timedelta(days=14)
NEW_KEY = "make a personal access token in Label Studio (Account & Settings) and set LABEL_STUDIO_API_KEY"


def token(installation: InstallationRoom) -> list[Finding]:
    """Check the kind of the API key, and whether Label Studio answers and accepts it."""
    key = installation.studio.client.token()
    if not key.is_usable:
        return [wrong("token", _describe(key), NEW_KEY)]
    try:
        installation.studio.client.check_key()
    except UpstreamError as error:
        return [_explain_refusal(key, error)]
    if key.expires_at and key.expires_at - datetime.now(UTC) < SOON:
        return [warning("token", f"{_describe(key)}; it works", NEW_KEY)]
    return [ok("token", f"{_describe(key)}; it works")]


def _describe(key: Token) -> str:
    if key.expires_at is None:
        return key.kind
    word = "expires" if key.expires_at > datetime.now(UTC) else "expired"
    return f"{key.kind}, {word} {key.expires_at:%Y-%m-%d}"


def _explain_refusal(key: Token, error: UpstreamError) -> Finding:
    if isinstance(error, LegacyTokenRefused):
        advice = f"enable legacy tokens in the organization's settings (Access Token Settings), or {NEW_KEY}"
        return wrong("token", f"{key.kind}, and Label Studio has them disabled", advice)
    if error.status in (401, 403):
        return wrong("token", f"{key.kind}; Label Studio does not accept it: {error}", NEW_KEY)
    advice = "check that Label Studio runs, that LABEL_STUDIO_URL is right, and any proxy between"
    return wrong("label studio", f"not reached with a {key.kind}: {error}", advice)


def version(installation: InstallationRoom) -> list[Finding]:
    """Check Label Studio's version, and measure how long it takes to answer."""
    began = datetime.now(UTC)
    text = installation.studio.client.version()
    milliseconds = (datetime.now(UTC) - began).total_seconds() * 1000
    summary = f"{installation.studio.client.url} is Label Studio {text}, answers in {milliseconds:.0f} ms"
    match = re.match(r"(\d+)\.(\d+)", text)
    low, high = TESTED
    if match and low <= (int(match[1]), int(match[2])) <= high:
        return [ok("label studio", summary)]
    tested = " to ".join(dict.fromkeys(".".join(map(str, numbers)) for numbers in TESTED))
    return [warning("label studio", summary, f"tested with {tested}: try it on a separate project first")]


def clock(installation: InstallationRoom) -> list[Finding]:
    """Compare the clocks: times decide which prediction a reviewer saw."""
    began = datetime.now(UTC)
    server_time = installation.studio.client.now()
    middle = began + (datetime.now(UTC) - began) / 2
    seconds = (server_time - middle).total_seconds()
    off = max(0.0, abs(seconds + 0.5) - 0.5)  # Label Studio sends whole seconds, rounded down
    summary = f"differs by {off:.1f} s"
    if off < CLOCK_WARNING:
        return [ok("clock", summary)]
    return [
        (wrong if off > CLOCK_WRONG else warning)("clock", summary, "let both machines synchronize their clocks by NTP")
    ]


def click_tools(installation: InstallationRoom) -> list[Finding]:
    """Check that the ML backend of the click tools answers."""
    interactive = installation.studio.interactive
    if interactive is None:
        return [ok("click tools", "the version that serves answers them")]
    if problem := interactive.find_problem():
        return [wrong("click tools", problem, "start it, or correct LOOP_INTERACTIVE_URL; empty, this backend answers")]
    return [ok("click tools", f"handed on to {interactive.name}, which answers")]


STUDIO = (version, clock)
