"""The tables of what comes in bulk, of what others are told, and of what is set aside."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, String, Table, Text

from loop.storage.message_column import Message
from loop.storage.tables import Id, Instant, metadata

operations = Table(  # reviews that came in bulk, by the key that makes a second try safe
    "operations",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("operation", String(8), nullable=False),
    Column("digest", String(64), nullable=False),  # of what was asked for: a key is for one operation
    Column("state", String(8), nullable=False),
    Column("task_id", Id),
    Column("annotation_id", Id),
    Column("annotation_made_at", Instant),  # tells ids that were given out again apart
    Column("annotation_changed_at", Instant),  # the state found at the start; when done, the state it left
    Column("actor", Text),
    Column("confidence", Float),
    Column("reasoning", Text),
    Column("error", Message),
    Column("asked_at", Instant, nullable=False),
    Index("operations_of_annotation", "project_id", "annotation_id"),
)

notices = Table(  # what happened here that others may want to know
    "notices",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", String(64), unique=True, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
)

deliveries = Table(  # of a notice to a receiver
    "deliveries",
    metadata,
    Column("notice_id", String(36), primary_key=True),
    Column("url", Text, primary_key=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", Instant),  # None: over, delivered or given up
    Column("delivered_at", Instant),
    Column("status", Integer),  # of the last answer
    Column("error", Message),
    Index("deliveries_due", "due_at"),
)

set_aside = Table(  # tasks that something could not be done for, by the step at which that was
    "set_aside",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("step", String(16), primary_key=True),
    Column("error", Message, nullable=False),
    Column("since", Instant, nullable=False),
)
