"""The file of SQLite in which events stand by themselves: no job that records reviews holds its lock."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from loop.storage.database import connect, find_file, name_events
from loop.storage.tables import events


def connect_events(records: sa.Engine) -> sa.Engine:
    """
    Return the engine whose table of events counts: on SQLite that of a file beside the records, else the records' own.

    The file is made at its first use.
    """
    file = find_file(records.url)
    if file is None:
        return records
    engine = connect(records.url.set(database=str(name_events(file))))
    sa.event.listen(engine, "connect", _make_table)
    return engine


def _make_table(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    """Make the table unless it is there, which takes no lock."""
    indexes = [CreateIndex(index, if_not_exists=True) for index in events.indexes]
    statements: list[ExecutableDDLElement] = [CreateTable(events, if_not_exists=True), *indexes]
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(str(statement.compile(dialect=dialect())))
    cursor.close()
