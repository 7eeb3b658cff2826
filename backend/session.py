"""The session of a person who signed in with a link of `loop dashboard`, in a signed cookie for the pages alone."""

from __future__ import annotations

import time
from datetime import timedelta

from flask import Flask, session

from loop.access.callers import Caller, CallerKind
from loop.access.logins import Logins

PAGES, API = "/loop/", "/loop/api/"  # paths; a session opens the pages, and nothing of the API
LASTS = timedelta(hours=12)
CALLER = "caller"


def set_up(app: Flask, logins: Logins, *, is_https: bool) -> None:
    """Have the app sign cookies with a key that follows from that of the installation."""
    app.secret_key = logins.secrets.of("sessions of the dashboard")
    app.config.update(
        SESSION_COOKIE_NAME="loop_session",
        SESSION_COOKIE_PATH=PAGES,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=LASTS,
    )


def is_page(path: str) -> bool:
    """Whether a path is that of a page of the dashboard."""
    return path.startswith(PAGES) and not path.startswith(API)


def begin(caller: Caller) -> None:
    """Remember who signed in, for LASTS from now on."""
    session.clear()
    session.permanent = True
    session[CALLER] = {"kind": caller.kind.value, "name": caller.name, "until": time.time() + LASTS.total_seconds()}


def end() -> None:
    """Forget who signed in."""
    session.clear()


def signed_in() -> Caller | None:
    """Return who signed in; None if nobody did, or too long ago."""
    fact = session.get(CALLER)
    if fact is None or fact["until"] < time.time():
        return None
    return Caller(CallerKind(fact["kind"]), fact["name"])
