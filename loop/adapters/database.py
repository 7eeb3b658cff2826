"""The engine that reaches the records, and their migration."""

from __future__ import annotations

import fcntl
from pathlib import Path

import sqlalchemy as sa

SQLITE = "sqlite:///"


def connect(url: str) -> sa.Engine:
    """Return an engine; SQLite is opened in WAL mode, so that readers and one writer never wait for each other."""
    if url.startswith(SQLITE):
        Path(url.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _tune_sqlite)
    return engine


def migrate(url: str) -> None:
    """Bring the tables to the newest revision; several processes may do so at once."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "loop:migrations")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    if not url.startswith(SQLITE):  # elsewhere a transaction holds the whole upgrade
        command.upgrade(config, "head")
        return
    connect(url).dispose()
    with Path(f"{url.removeprefix(SQLITE)}.migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command.upgrade(config, "head")


def revisions(engine: sa.Engine) -> tuple[str | None, str | None]:
    """The revision of the records, and the newest that this code has."""
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "loop:migrations")
    with engine.connect() as connection:
        here = MigrationContext.configure(connection).get_current_revision()
    return here, ScriptDirectory.from_config(config).get_current_head()


def damage(engine: sa.Engine) -> str | None:
    """What SQLite's own check finds wrong with the file, if anything; other databases look after themselves."""
    if engine.dialect.name != "sqlite":
        return None
    with engine.connect() as connection:
        said = [str(line) for line in connection.scalars(sa.text("PRAGMA quick_check(3)"))]
    return None if said == ["ok"] else "; ".join(said)


def _tune_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    """
    NORMAL: a committed record survives any crash of a process; a power cut may take the last ones, which the sweep
    brings back from Label Studio. FULL stalled for up to 0.9 s under inference, and Label Studio waits only 1 s.
    """
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
