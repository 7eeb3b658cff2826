"""Reads the fields of forms that pages send."""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import g, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from backend.body import read_body
from loop.errors import PayloadError
from loop.storage.storable import is_text

KIND = "application/x-www-form-urlencoded"
LARGEST_FORM = 2**20  # bytes
MOST_FIELDS = 10_000
LONGEST_REASON = 1000  # characters


def form() -> MultiDict[str, str]:
    """Return the fields of the request's form. Raises PayloadError, UnsupportedMediaType and those of `read_body`."""
    if "form" not in g:
        if request.mimetype != KIND:
            raise UnsupportedMediaType(f"Content-Type: expected {KIND}, found {request.mimetype or 'none'}")
        request.max_content_length = LARGEST_FORM
        g.form = MultiDict(_parse(read_body()))
    fields: MultiDict[str, str] = g.form
    return fields


def text(name: str, most: int = 2000) -> str:
    """Return a field that must have a text. Raises PayloadError."""
    value = form().get(name, "").strip()
    if not value or len(value) > most or not is_text(value):
        raise PayloadError(name, f"a text of 1 to {most} characters", value or "none")
    return value


def reason() -> str:
    """Return the reason that a person gave for an action, the field `why`. Raises PayloadError."""
    return text("why", LONGEST_REASON)


def numbers(name: str) -> list[int]:
    """Return the ids of a field that a form may have several times. Raises PayloadError."""
    values = form().getlist(name)
    if not all(value.isascii() and value.isdigit() and len(value) < 19 for value in values):
        raise PayloadError(name, "ids", values)
    return [int(value) for value in values]


def check_shown(name: str, now: object) -> None:
    """Raise PayloadError if a field says what the page of the form showed, and it is something else by now."""
    shown = form().get(name, "")
    if shown not in ("", str(now)):
        raise PayloadError(name, f"{now or 'none'}, as it is by now: nothing was done", shown)


def _parse(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:  # also UnicodeDecodeError
        raise PayloadError("form", f"at most {MOST_FIELDS} fields in UTF-8", body[:100]) from error
