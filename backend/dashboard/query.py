"""Reads the query of a page's address."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import request

from loop.errors import PayloadError
from loop.storage.storable import is_id


def number(name: str) -> int | None:
    """Return a number from 1 on; None where it is left out. Raises PayloadError."""
    given = request.args.get(name, "").strip()
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 20 and is_id(int(given))):
        raise PayloadError(name, "a number from 1 on", given)
    return int(given)


def day(name: str) -> datetime | None:
    """Return the beginning of a day, in UTC; None where it is left out. Raises PayloadError."""
    given = request.args.get(name, "")
    try:
        return datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC) if given else None
    except ValueError:
        raise PayloadError(name, "a day such as 2026-01-31", given) from None
