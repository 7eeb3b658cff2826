"""Errors as answers: JSON for programs, a page for a person's browser at the dashboard."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, current_app, jsonify, render_template, request

from backend.session import is_page
from loop.errors import PayloadError
from loop.rooms import Rooms

REALM = "label-studio-yolo-loop"
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


def answer_error(error: Exception, status: int, text: str) -> Response:
    """Answer a request that failed, with an HTTP status and a text of one line."""
    if is_for_person():
        title = HTTPStatus(status).phrase
        response = Response(render_template("dashboard/error.html", status=status, title=title, text=text), status)
        secure(response)
    else:
        content = {"error": text, "type": type(error).__name__}
        if isinstance(error, PayloadError):
            content["field"] = error.field
        response = jsonify(content)
        response.status_code = status
    if status in (429, 503):
        response.headers["Retry-After"] = "10"
    if status == 401:
        response.headers["WWW-Authenticate"] = f'{_scheme()} realm="{REALM}"'
    return response


def is_for_person() -> bool:
    """Whether a browser asks for a page of the dashboard."""
    return is_page(request.path) and "text/html" in request.headers.get("Accept", "")


def secure(response: Response) -> Response:
    """Let a page load nothing from elsewhere, stand in no frame, and stay in no cache."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _scheme() -> str:
    """Return how to log in. A browser asks a person for a password at `Basic`, so only where one opens the pages."""
    rooms: Rooms = current_app.extensions["rooms"]
    return "Bearer" if is_for_person() and rooms.access.logins.own is None else "Basic"
