"""Who may send a request: checked by host, secret, login or token before any body is read."""

from __future__ import annotations

from flask import current_app, g, request
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.routing import RequestRedirect

from backend import session
from loop.access.callers import EVENTS, Caller
from loop.access.logins import Login
from loop.access.room import AccessRoom
from loop.errors import Unauthorized
from loop.label_studio.payloads import project_id_of
from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER
from loop.printable import shorten
from loop.secrecy import redact
from loop.storage.actor import act_as

HEALTH = "protocol.health"  # says only that a process answers, under any name
OPEN = frozenset(("dashboard.static", "dashboard.sign_in"))  # style, scripts, and the way in
ADVICE = "`loop tokens add NAME` makes a token for a program"


class ForeignHost(HTTPException):
    """The request addresses a host that is not ours: 421, Misdirected Request."""

    code = 421


def check() -> None:
    """Let a request pass that may, and note its sender. Raises ForeignHost, Unauthorized and Forbidden."""
    if request.endpoint == HEALTH:
        return
    access: AccessRoom = current_app.extensions["rooms"].access
    if not access.hosts.has(request.host):
        raise ForeignHost(
            f"{shorten(request.host)}: not a name of this backend; LOOP_URL gives it the name that others use"
        )
    if request.endpoint in OPEN or isinstance(request.routing_exception, RequestRedirect):  # to the path with a slash
        return
    g.caller = _identify(access)
    act_as(f"{g.caller.kind} {g.caller.name}")
    if not g.caller.may(request.method, request.endpoint or ""):
        raise Forbidden(redact(f"{g.caller.name} may not {request.method} {shorten(request.path)}; {ADVICE}"))


def caller() -> Caller:
    """Return the sender of this request."""
    sender: Caller = g.caller
    return sender


def require(project_id: int) -> int:
    """Return a project that the sender of this request may name. Raises Forbidden."""
    if not caller().may_name(project_id):
        raise Forbidden(f"{caller().name} may not name project {project_id}")
    return project_id


def _identify(access: AccessRoom) -> Caller:
    """Return the sender of this request. Raises Unauthorized, and PayloadError for a secret without its project."""
    if request.endpoint == EVENTS and SECRET_HEADER in request.headers:
        project_id = project_id_of(request.headers.get(PROJECT_HEADER))
        sender = access.logins.identify_webhook(project_id, request.headers[SECRET_HEADER])
        if sender is None:
            raise Unauthorized(f"wrong {SECRET_HEADER} for project {project_id}: run `loop sync`, which repairs it")
        return sender
    try:
        given = request.authorization
    except ValueError:  # Werkzeug's reader does so for text outside of ASCII
        given = None
    sender = None
    if given is None and session.is_page(request.path):
        sender = session.signed_in()
    elif given is not None and given.type == "basic":
        sender = access.logins.identify(Login(given.username or "", given.password or ""))
    elif given is not None and given.type == "bearer":
        sender = access.tokens.identify(given.token or "")
    if sender is None:
        raise Unauthorized(f"wrong or missing login or token; {ADVICE}")
    return sender
