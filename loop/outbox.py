"""What happened here that others may want to know, and its deliveries to their receivers."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.tables import deliveries, notices


class Outbox:
    """Notices in the records, each due to every receiver there was when it was posted."""

    def __init__(self, engine: sa.Engine, receivers: Sequence[str]) -> None:
        self._engine, self._receivers = engine, tuple(receivers)

    def post(self, project_id: int, kind: str, key: str, body: Mapping[str, Any]) -> bool:
        """Keep a notice once by its kind and *key*, and let it be due now; return False where it is known already."""
        now = datetime.now(UTC)
        row = {
            "id": str(uuid.uuid4()),
            "project_id": project_id,
            "kind": kind,
            "key": hashlib.sha256(f"{project_id}:{kind}:{key}".encode()).hexdigest(),
            "body": dict(body),
            "created_at": now,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(notices.insert().values(row))
                for url in self._receivers:
                    connection.execute(deliveries.insert().values(notice_id=row["id"], url=url, attempts=0, due_at=now))
        except sa.exc.IntegrityError:
            return False
        return True
