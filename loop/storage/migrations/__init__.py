"""Alembic's revisions of the tables in `loop.database`."""
