"""Whether a page of ours asked for an action, by a signed token of its sender and by the site that a browser names."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.exceptions import Forbidden

from loop.access.callers import Caller, CallerKind
from loop.http_addresses import plain_host

FIELD = "csrf_token"
LASTS = 12 * 3600  # seconds
ACTING = (CallerKind.OPERATOR, CallerKind.TOKEN)  # who may do more than look


def token(caller: Caller) -> str:
    """Return a text that only we can make, and only for this sender."""
    return _serializer().dumps(_name(caller))


def check(caller: Caller, given: str, own_url: str) -> None:
    """Refuse a form that has no token of the sender, or comes from another site. Raises Forbidden."""
    check_site(own_url)
    try:
        named = _serializer().loads(given, max_age=LASTS)
    except BadSignature:  # also one that is too old
        named = None
    if named != _name(caller):
        raise Forbidden("the form is too old, or not of this page: load the page again, and send it from there")


def check_site(own_url: str) -> None:
    """Refuse a form that comes from another site, which the browser names. Raises Forbidden."""
    if not _is_same_site(own_url):
        raise Forbidden("another site sent this form: open the page here, and send it from there")


def _is_same_site(own_url: str) -> bool:
    """Whether the browser says that the form came from a page of ours; a program may say nothing."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return True
    try:
        netloc = urlsplit(origin).netloc
    except ValueError:
        return False
    return plain_host(netloc) in (plain_host(request.host), plain_host(urlsplit(own_url).netloc))


def _name(caller: Caller) -> str:
    return f"{caller.kind} {caller.name}"


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="forms of the dashboard")
