"""The audit trail: who changed what, when and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import request, url_for

from backend import access
from backend.dashboard.blueprint import Answer, page, rooms, show
from loop.errors import PayloadError
from loop.installation.watching.audit_lines import read_audit
from loop.storage.storable import LARGEST_ID

ROWS = 100  # a page


@page("audit", entry="Audit trail")
def audit() -> Answer:
    """Show a page of the trail, newest first."""
    project, number = _read_number("project"), _read_number("page") or 1
    kind, since = request.args.get("kind", ""), _read_day()
    if project is not None:
        access.require(project)
    every = read_audit(rooms().engine, project, since)
    lines = [line for line in every if kind in ("", line.kind)]
    chosen: dict[str, Any] = {"project": project, "kind": kind or None, "since": request.args.get("since") or None}
    return show(
        "audit.html",
        lines=lines[(number - 1) * ROWS : number * ROWS],
        total=len(lines),
        kinds=sorted({line.kind for line in every}),
        projects=rooms().studio.projects.all(),
        chosen=chosen,
        before=url_for("dashboard.audit", page=number - 1, **chosen) if number > 1 else None,
        after=url_for("dashboard.audit", page=number + 1, **chosen) if number * ROWS < len(lines) else None,
    )


def _read_number(name: str) -> int | None:
    """Return a number of the query. Raises PayloadError."""
    value = request.args.get(name, "")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 20 and 1 <= int(value) <= LARGEST_ID):
        raise PayloadError(name, "a number from 1 on", value)
    return int(value)


def _read_day() -> datetime | None:
    value = request.args.get("since", "")
    if not value:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise PayloadError("since", "a day such as 2026-01-31", value) from None
