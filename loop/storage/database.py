"""The engine that reaches the records, and their migration."""

from __future__ import annotations

import fcntl
from pathlib import Path

import sqlalchemy as sa

from loop.errors import PayloadError, RecordsDown

ADDRESS = (
    "an address that SQLAlchemy can open, such as postgresql+psycopg://host/name, "
    "with / # ? : and @ in a password as %2F %23 %3F %3A %40"
)
ADVICE = {  # what to do, by what SQLite reports
    "locked": "another program holds it: try again, and see which program has it open",
    "full": "make room on its disk",
    "readonly": "let this user write the file and its folder",
    "unable to open": "let this user write its folder, or set LOOP_HOME to another one",
    "not a database": "the file is damaged or something else: bring back a copy, or move it away",
    "malformed": "the file is damaged: bring back a copy, or move it away and run `loop rebuild` for each project",
}


def connect(url: str | sa.URL) -> sa.Engine:
    """
    Return an engine; SQLite is opened in WAL mode, so that readers and one writer never wait for each other.

    Raises PayloadError at an address that is none; what goes wrong later raises RecordsDown.
    """
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise PayloadError("LOOP_DATABASE_URL", ADDRESS, f"{type(error).__name__}: {error}") from None
    except ValueError:  # it names parts of the address, which may be parts of its password
        raise PayloadError("LOOP_DATABASE_URL", ADDRESS, "a port that is no number") from None
    if file := _file(engine.url):
        file.parent.mkdir(parents=True, exist_ok=True)
    sa.event.listen(engine, "handle_error", _name_error)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _tune_sqlite)
    return engine


def migrate(url: str | sa.URL) -> None:
    """Bring the tables to the newest revision; several processes may do so at once. Raises RecordsDown."""
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    engine = connect(url)
    engine.dispose()
    config = Config(attributes={"url": engine.url})  # not an option: those are text, in which "%" has a meaning
    config.set_main_option("script_location", "loop:storage/migrations")
    file = _file(engine.url)
    try:
        if not file:  # elsewhere a transaction holds the whole upgrade
            command.upgrade(config, "head")
            return
        with file.with_name(f"{file.name}.migrating").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            command.upgrade(config, "head")
    except (sa.exc.DBAPIError, CommandError, OSError) as error:
        raise _down(engine.url, error) from error


def _file(url: sa.URL) -> Path | None:
    """The file of SQLite's records; other databases have none."""
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(url.database or "") if is_file else None


def revisions(engine: sa.Engine) -> tuple[str | None, str | None]:
    """The revision of the records, and the newest that this code has."""
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "loop:storage/migrations")
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


def _name_error(context: sa.engine.ExceptionContext) -> None:
    """Have what the database itself reports raised as RecordsDown; a broken constraint stays what it is."""
    kinds = (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.InterfaceError)
    error = context.sqlalchemy_exception
    if isinstance(error, kinds) or type(error) is sa.exc.DatabaseError:
        context.chained_exception = _down(context.engine.url if context.engine else None, context.original_exception)


def _down(url: sa.URL | None, error: BaseException) -> RecordsDown:
    reason = str(error.orig if isinstance(error, sa.exc.DBAPIError) else error)
    advice = next((advice for sign, advice in ADVICE.items() if sign in reason), "run `loop doctor`, which looks at it")
    return RecordsDown(f"the records at {url.render_as_string() if url else 'LOOP_DATABASE_URL'}: {reason}; {advice}")


def _tune_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    """
    NORMAL: a committed record survives any crash of a process; a power cut may take the last ones, which the sweep
    brings back from Label Studio. FULL stalled for up to 0.9 s under inference, and Label Studio waits only 1 s.
    """
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
