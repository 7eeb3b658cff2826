"""The tables of the records, and the engine that reaches them."""

from __future__ import annotations

import fcntl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, String, Table, Text


class Instant(sa.types.TypeDecorator[datetime]):
    """A moment: aware datetimes outside, UTC without a zone in the table, so that every database orders them."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        """Drop the zone after moving to UTC."""
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: Any | None, _dialect: sa.Dialect) -> datetime | None:
        """Give the zone back."""
        return value.replace(tzinfo=UTC) if value else None


SQLITE = "sqlite:///"
metadata = sa.MetaData()

projects = Table(
    "projects",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("label_config", Text, nullable=False),
    Column("connected_at", Instant, nullable=False),
    Column("reviews_seen_at", Instant),  # reviews recorded until then have been trained on
    Column("synced_until", Instant),  # changes in Label Studio until then are known
    Column("refresh_asked", Integer, nullable=False, default=0),  # counts the asks
    Column("refresh_done", Integer, nullable=False, default=0),  # the ask that the last refresh answered
    Column("refreshed_version", Text),  # the version it predicted by
)

classes = Table(
    "classes",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("class_id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    sa.UniqueConstraint("project_id", "name"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), unique=True, nullable=False),
    Column("project_id", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("processed_at", Instant),
    Column("error", Text),
    Index("events_pending", "project_id", "processed_at"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("annotation_id", Integer, primary_key=True),
    Column("created_at", Instant, primary_key=True),  # Label Studio on SQLite gives ids out again
    Column("task_id", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("unique_id", Text, nullable=False),
    Column("image", Text),
    Column("regions", JSON, nullable=False),
    Column("annotator", Integer),
    Column("lead_time", Float),
    Column("is_skipped", Boolean, nullable=False),
    Column("is_ground_truth", Boolean, nullable=False),
    Column("parent_prediction", Integer),
    Column("recorded_at", Instant, nullable=False),
    Index("reviews_of_task", "project_id", "task_id"),
)

deletions = Table(
    "deletions",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("kind", String(16), primary_key=True),  # annotation or task
    Column("object_id", Integer, primary_key=True),
    Column("received_at", Instant, nullable=False),
)

predictions = Table(
    "predictions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("task_id", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("regions", JSON, nullable=False),  # what was shown
    Column("candidates", JSON, nullable=False),  # what was kept back: above the floor, under the threshold
    Column("threshold", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("stream", String(8), nullable=False),
    Column("propensity", Float, nullable=False),
    Column("served_at", Instant, nullable=False),
    Index("predictions_of_task", "project_id", "task_id"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("task_id", Integer, nullable=False),
    Column("annotation_id", Integer, nullable=False),
    Column("prediction_id", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("stream", String(8), nullable=False),
    Column("decision", String(16), nullable=False),
    Column("predicted", JSON),
    Column("reviewed", JSON),
    Column("annotator", Integer),
    Column("lead_time", Float),
    Column("reviewed_at", Instant, nullable=False),
    Index("verdicts_of_task", "project_id", "task_id"),
)

splits = Table(
    "splits",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("task_id", Integer, primary_key=True),
    Column("side", String(8), nullable=False),
)

trainings = Table(
    "trainings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("snapshot", String(64)),
    Column("reviews_until", Instant),  # reviews recorded until then are in the snapshot
    Column("progress", JSON),
    Column("report", JSON),
    Column("version", Text),
    Column("error", Text),
    Column("asked_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
)

versions = Table(
    "versions",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("weights", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("snapshot", String(64)),
    Column("parent", Text),
    Column("training", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("alias", String(16), primary_key=True),
    Column("version", Text, nullable=False),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("alias", String(16), nullable=False),
    Column("version", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("moved_at", Instant, nullable=False),
)


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


def _tune_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    """
    NORMAL: a committed record survives any crash of a process; a power cut may take the last ones, which the sweep
    brings back from Label Studio. FULL stalled for up to 0.9 s under inference, and Label Studio waits only 1 s.
    """
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
