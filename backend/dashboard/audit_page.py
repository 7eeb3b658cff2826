"""The audit trail: who changed what, when and why."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from backend import access
from backend.dashboard import query
from backend.dashboard.blueprint import Answer, page, rooms, show
from loop.installation.watching.audit_lines import read_audit

ROWS = 100  # a page


@page("audit", entry="Audit trail")
def audit() -> Answer:
    """Show a page of the trail, newest first."""
    project, number = query.number("project"), query.number("page") or 1
    kind, since = request.args.get("kind", ""), query.day("since")
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
