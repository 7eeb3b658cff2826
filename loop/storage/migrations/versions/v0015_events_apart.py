"""on SQLite, events in a file of their own"""

import sqlite3
from contextlib import closing

import sqlalchemy as sa
from alembic import op

from loop.storage.database import find_file, name_events

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

COLUMNS = 'id, key, project_id, action, payload, received_at, processed_at, error, dismissed_at'
TABLE = """CREATE TABLE IF NOT EXISTS events (
    id INTEGER NOT NULL PRIMARY KEY, key VARCHAR(64) NOT NULL UNIQUE, project_id BIGINT NOT NULL, action TEXT NOT NULL,
    payload JSON NOT NULL, received_at DATETIME NOT NULL, processed_at DATETIME, error TEXT, dismissed_at DATETIME)"""
INDEX = 'CREATE INDEX IF NOT EXISTS events_pending ON events (project_id, processed_at)'
INSERT = f'INSERT OR REPLACE INTO events ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)'
AT_ONCE = 500


def upgrade() -> None:
    """Apply this revision. The file has the events before they leave the records: a kill in between loses none."""
    bind = op.get_bind()
    records = find_file(bind.engine.url)
    if records is None:
        return
    rows = bind.exec_driver_sql(f'SELECT {COLUMNS} FROM events ORDER BY id')
    while some := rows.fetchmany(AT_ONCE):
        with closing(sqlite3.connect(name_events(records))) as file, file:
            file.execute('PRAGMA journal_mode=WAL')
            file.execute(TABLE)
            file.execute(INDEX)
            file.executemany(INSERT, map(tuple, some))
    bind.execute(sa.text('DELETE FROM events'))


def downgrade() -> None:
    """Take this revision back: the events come back into the records."""
    bind = op.get_bind()
    records = find_file(bind.engine.url)
    if records is None or not name_events(records).exists():
        return
    with closing(sqlite3.connect(name_events(records))) as file:
        for row in file.execute(f'SELECT {COLUMNS} FROM events'):
            bind.exec_driver_sql(INSERT, row)
