"""The connection to the records, and their migration."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import lock_descriptor

from loop.errors import PayloadError, RecordsDown

ADDRESS = (
    "an address that SQLAlchemy can open, such as postgresql://user:password@host/name, "
    "with / # ? : and @ in a password as %2F %23 %3F %3A %40"
)
PATIENCE = 15.0  # seconds that a statement waits for a lock
COPY_ADVICE = "SQLite; for another database use its own tool, such as pg_dump, and copy the rest of LOOP_HOME"
DRIVER = "a database whose driver is installed: for PostgreSQL, pip install 'psycopg[binary]'"
POSTGRESQL = ("postgresql", "postgres")  # in an address that leaves the driver to us
CONNECT_SECONDS = "10"  # until PostgreSQL counts as down; its client alone waits for minutes
NEWEST = "0016"  # the last revision in migrations/versions
ADVICE = {  # by a part of the error of SQLite or PostgreSQL
    "locked": "another program holds it: try again, and see which program has it open",
    "full": "make room on its disk",
    "No space left": "make room on its disk",
    "disk I/O": "make room on its disk if it is full, else look at that disk",  # where SQLite makes a first file
    "readonly": "let this user write the file and its folder",
    "unable to open": "let this user write its folder, or set LOOP_HOME to another one",
    "not a database": "the file is damaged or something else: bring back a copy, or move it away",
    "malformed": "the file is damaged: bring back a copy, or move it away and run `loop rebuild` for each project",
    "password authentication": "correct the user and the password in LOOP_DATABASE_URL",
    "does not exist": "create it, or correct LOOP_DATABASE_URL",
    "connection": "start the database, or correct LOOP_DATABASE_URL",
}


def connect(url: str | sa.URL) -> sa.Engine:
    """
    Return an engine; SQLite is opened in WAL mode, in which readers and one writer never wait for each other.

    PostgreSQL is reached by psycopg, and a connection that it closed meanwhile is replaced before it is used. No thread
    waits for the connection of another one: there are as many connections as threads that use one.

    Raises PayloadError for an address that cannot be read; later errors of the database raise RecordsDown.
    """
    try:
        address = _choose_driver(sa.make_url(url))
        is_remote = address.get_backend_name() != "sqlite"
        engine = sa.create_engine(address, poolclass=sa.QueuePool, max_overflow=-1, pool_pre_ping=is_remote)
    except ImportError as error:
        raise PayloadError("LOOP_DATABASE_URL", DRIVER, f"{type(error).__name__}: {error}") from None
    except sa.exc.ArgumentError as error:
        raise PayloadError("LOOP_DATABASE_URL", ADDRESS, f"{type(error).__name__}: {error}") from None
    except ValueError:  # its text may have parts of the password
        raise PayloadError("LOOP_DATABASE_URL", ADDRESS, "a port that is no number") from None
    if file := find_file(engine.url):
        file.parent.mkdir(parents=True, exist_ok=True)
    sa.event.listen(engine, "handle_error", _name_error)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _tune_sqlite)
    return engine


@contextmanager
def begin_soon(engine: sa.Engine, seconds: float) -> Iterator[sa.Connection]:
    """
    Begin a transaction in which no statement waits for a lock longer than *seconds*. Raises RecordsDown.

    On PostgreSQL no statement takes longer either, so *seconds* must be enough for the work itself.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            _set_patience(connection.connection, seconds)
        try:
            with connection.begin():
                if engine.dialect.name == "postgresql":
                    connection.execute(sa.text(f"SET LOCAL statement_timeout = {round(seconds * 1000)}"))
                yield connection
        finally:
            if engine.dialect.name == "sqlite" and not connection.invalidated:
                _set_patience(connection.connection, PATIENCE)


def execute_soon(engine: sa.Engine, statement: sa.Executable, seconds: float) -> None:
    """
    Execute one statement as a transaction of its own that waits for no lock longer than *seconds*. Raises RecordsDown.

    On SQLite, the lock of writers is taken and given back within one call of SQLite. In a transaction of several calls
    a thread that has the lock would wait between them for Python's own lock, which other threads use to predict.
    """
    if engine.dialect.name != "sqlite":
        with begin_soon(engine, seconds) as connection:
            connection.execute(statement)
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _set_patience(connection.connection, seconds)
        try:
            connection.execute(statement)
        finally:
            if not connection.invalidated:
                _set_patience(connection.connection, PATIENCE)


def _choose_driver(url: sa.URL) -> sa.URL:
    """Return the same address with psycopg and a limit to connect in, where it is PostgreSQL's and has none."""
    if url.drivername in POSTGRESQL:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgresql+psycopg" and "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": CONNECT_SECONDS})
    return url


def migrate(url: str | sa.URL) -> None:
    """Bring the tables to the newest revision; several processes may do this at once. Raises RecordsDown."""
    engine = connect(url)
    if _is_newest(engine):  # spares the import of Alembic
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config(attributes={"url": engine.url})  # not an option: in the text of an option, "%" has a meaning
    config.set_main_option("script_location", "loop:storage/migrations")
    file = find_file(engine.url)
    try:
        if not file:  # the upgrade is one transaction; on PostgreSQL it waits for another one (migrations/env.py)
            command.upgrade(config, "head")
            return
        with file.with_name(f"{file.name}.migrating").open("w") as lock:
            lock_descriptor(lock.fileno())
            command.upgrade(config, "head")
    except (sa.exc.DBAPIError, sqlite3.Error, CommandError, OSError) as error:
        raise _down(engine.url, error) from error


def _is_newest(engine: sa.Engine) -> bool:
    """Whether the tables have the newest revision; False also for records without any, or that cannot be read."""
    try:
        return revision(engine) == NEWEST
    except RecordsDown:
        return False
    finally:
        engine.dispose()


def revision(engine: sa.Engine) -> str | None:
    """Return the revision of the records; None where they have no tables yet. Raises RecordsDown."""
    if not sa.inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def find_file(url: sa.URL) -> Path | None:
    """Return the file of records in SQLite; None for other databases."""
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(url.database or "") if is_file else None


def name_events(records: Path) -> Path:
    """Return the file in which the events of records in SQLite stand."""
    return records.with_name(f"{records.stem}-events{records.suffix}")


def copy_records(url: str | sa.URL, target: Path) -> None:
    """Write the records as they are at one moment into one file. Raises PayloadError without SQLite, RecordsDown."""
    address = sa.make_url(url)
    records = find_file(address)
    if records is None:
        raise PayloadError("LOOP_DATABASE_URL", COPY_ADVICE, address.get_backend_name())
    name = f"{records.absolute().as_uri()}?mode=rw"  # it must be there
    try:
        with closing(sqlite3.connect(name, uri=True)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)  # in one step: a reader of SQLite in WAL mode holds nobody up
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise _down(address, error) from error


def read_column(records: Path, query: str) -> set[str]:
    """Return the texts of a query with one column in a copy of the records. Raises PayloadError without its table."""
    with closing(sqlite3.connect(records)) as connection:
        try:
            return {str(text) for (text,) in connection.execute(query)}
        except sqlite3.OperationalError as error:
            raise PayloadError("the records", "the tables of an installation, which `loop up` makes", error) from error


def find_damage(engine: sa.Engine) -> str | None:
    """Return the errors that SQLite's own check reports, None without any; other databases are not checked."""
    if engine.dialect.name != "sqlite":
        return None
    with engine.connect() as connection:
        lines = [str(line) for line in connection.scalars(sa.text("PRAGMA quick_check(3)"))]
    return None if lines == ["ok"] else "; ".join(lines)


def _name_error(context: sa.engine.ExceptionContext) -> RecordsDown | None:
    """
    Return errors of the database itself as RecordsDown, to be raised.

    A broken constraint, and a value that the database cannot take, stay errors of SQLAlchemy. A connection that proves
    dead before its use is replaced, and is no error.
    """
    kinds = (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.InterfaceError)
    error = context.sqlalchemy_exception
    is_value = "binding parameter" in str(context.original_exception)
    is_down = (isinstance(error, kinds) and not is_value) or type(error) is sa.exc.DatabaseError
    if context.is_pre_ping or not is_down:
        return None
    return _down(context.engine.url if context.engine else None, context.original_exception)


def _down(url: sa.URL | None, error: BaseException) -> RecordsDown:
    reason = " ".join(str(error.orig if isinstance(error, sa.exc.DBAPIError) else error).split())
    advice = next((advice for sign, advice in ADVICE.items() if sign in reason), "run `loop doctor`, which looks at it")
    return RecordsDown(f"the records at {url.render_as_string() if url else 'LOOP_DATABASE_URL'}: {reason}; {advice}")


def _tune_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    """
    Set the pragmas of a connection to SQLite.

    With synchronous=NORMAL a committed record survives any crash of a process. A power cut may lose the last records,
    which the sync brings back from Label Studio. FULL stalled for up to 0.9 s under inference, and Label Studio waits
    only 1 s.
    """
    _set_patience(connection, PATIENCE)
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _set_patience(connection: sa.engine.interfaces.DBAPIConnection, seconds: float) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={round(seconds * 1000)}")
    cursor.close()
