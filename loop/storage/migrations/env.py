"""How Alembic reaches the records; run by Alembic, imported by nobody."""

import sqlalchemy as sa
from alembic import context

from loop.storage import changes, exchange_tables, taxonomy_tables, vector_tables  # noqa: F401 (their tables are in the same metadata)
from loop.storage.database import connect
from loop.storage.tables import metadata

engine = connect(context.config.attributes["url"])
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        if connection.dialect.name == "sqlite":  # whose driver begins no transaction before a table is changed
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        if connection.dialect.name == "postgresql":  # one process migrates, the others wait and find nothing to do
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('label-studio-yolo-loop migrates'))"))
        context.run_migrations()
engine.dispose()
