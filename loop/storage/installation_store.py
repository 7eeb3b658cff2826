"""Facts that all machines of an installation share, in the records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from loop.storage.exchange_tables import installation

EMBEDDER = "embedder"  # revision 0011 records it in installations that had `yolo:` by default


class InstallationStore:
    """The facts by name; each is plain JSON."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, name: str) -> Mapping[str, Any] | None:
        """Return a fact; None where it was never recorded."""
        with self._engine.connect() as connection:
            value: Mapping[str, Any] | None = connection.scalar(
                sa.select(installation.c.value).where(installation.c.name == name)
            )
        return value

    def embedder(self) -> str:
        """Return the embedder that is in use where the settings name none; empty if the installation is newer."""
        fact = self.get(EMBEDDER)
        return str(fact["setting"]) if fact else ""

    def settle(self, name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Record a fact unless it is recorded; return the recorded one. Concurrent callers get the same."""
        try:
            with self._engine.begin() as connection:
                connection.execute(installation.insert().values(name=name, value=dict(value)))
        except sa.exc.IntegrityError:  # another process was first
            return self.get(name) or value
        return value

    def replace(self, name: str, value: Mapping[str, Any]) -> None:
        """Record a fact in place of the recorded one."""
        change = installation.update().where(installation.c.name == name).values(value=dict(value))
        with self._engine.begin() as connection:
            is_known = connection.execute(change).rowcount
        if not is_known:
            self.settle(name, value)

    def remove(self, name: str) -> None:
        """Remove a fact; it is no error where it was never recorded."""
        with self._engine.begin() as connection:
            connection.execute(installation.delete().where(installation.c.name == name))

    def exchange(self, name: str, before: str | None, value: Mapping[str, Any] | None) -> bool:
        """
        Replace a fact if the recorded one has the id *before*; with None, record it if none is recorded.

        Return whether it was replaced or recorded. A *value* of None removes the fact.
        """
        if before is None:
            return value is not None and self.settle(name, value) is value
        is_named = installation.c.name == name
        with self._engine.begin() as connection:
            found = connection.scalar(sa.select(installation.c.value).where(is_named).with_for_update())
            if found is None or found.get("id") != before:
                return False
            if value is None:
                connection.execute(installation.delete().where(is_named))
            else:
                connection.execute(installation.update().where(is_named).values(value=dict(value)))
        return True
