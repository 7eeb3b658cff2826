"""The audit trail as people read it: each change in a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from loop.errors import LabelConfigError
from loop.label_studio.label_config import parse
from loop.printable import shorten
from loop.storage.audit import AuditEntry, AuditTrail
from loop.storage.changes import ChangeKind


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One change; *project* None: of the installation. *who* is empty for a change older than the trail."""

    at: datetime
    project: int | None
    who: str
    kind: str
    change: str
    why: str


def read_audit(
    engine: Engine, project_id: int | None = None, since: datetime | None = None, kind: str = ""
) -> Sequence[AuditLine]:
    """Return the changes of a project, or of all, since a moment, of one kind or of all; newest first."""
    entries = AuditTrail(engine).read(project_id, since)
    return [describe_entry(entry) for entry in reversed(entries) if kind in ("", entry.kind)]


def describe_entry(entry: AuditEntry) -> AuditLine:
    """Return a change in a line."""
    return AuditLine(entry.at, entry.project, entry.who, entry.kind, _describe_change(entry), entry.why)


def _describe_change(entry: AuditEntry) -> str:
    before, after = entry.before, entry.after
    if entry.kind == ChangeKind.LABEL_CONFIG:
        before, after = (config and _label_names(config) for config in (before, after))
    texts = [
        "none" if value is None else value if isinstance(value, str) else json.dumps(value) for value in (before, after)
    ]
    return shorten(texts[1] if before is None or texts[0] == texts[1] else " → ".join(texts), 200)


def _label_names(label_config: str) -> str:
    try:
        return ", ".join(parse(label_config).label_names)
    except LabelConfigError:
        return label_config
