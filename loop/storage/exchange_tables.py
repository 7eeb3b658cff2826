"""The tables of bulk operations, exports of versions, notices, deliveries, tokens, and tasks that are set aside."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, String, Table, Text

from loop.storage.columns import Id, Instant, Message, Name
from loop.storage.tables import metadata

operations = Table(  # reviews from programs, by the key that makes a second try safe
    "operations",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("operation", String(8), nullable=False),
    Column("digest", String(64), nullable=False),  # of the request: a key is for one operation
    Column("state", String(8), nullable=False),
    Column("task_id", Id),
    Column("annotation_id", Id),
    Column("annotation_made_at", Instant),  # tells annotations with the same id apart: ids are given out again
    Column("annotation_changed_at", Instant),  # before the operation; once done, after it
    Column("actor", Message),
    Column("confidence", Float),
    Column("reasoning", Message),
    Column("error", Message),
    Column("asked_at", Instant, nullable=False),
    Index("operations_of_annotation", "project_id", "annotation_id"),
)

accepted_tasks = Table(  # tasks whose prediction became an annotation without a review
    "accepted_tasks",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("token", String(16), nullable=False),  # of the dry run
    Column("version", Name, nullable=False),
    Column("prediction_id", Integer, nullable=False),
    Column("certainty", Float, nullable=False),  # the limit by which it was accepted
    Column("most_boxes", Integer, nullable=False),
    Column("annotation_id", Id),  # empty until Label Studio has it
    Column("annotation_made_at", Instant),
)

exports = Table(  # files that serve in place of trained weights on a CPU, or why there is none
    "exports",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("version", Name, primary_key=True),
    Column("runtime", String(16), nullable=False),
    Column("file", Name),  # NULL: the export was refused
    Column("sha256", String(64)),
    Column("reason", Message, nullable=False),
    Column("measured", JSON, nullable=False),
    Column("made_at", Instant, nullable=False),
)

notices = Table(  # messages to other programs about what happened
    "notices",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", Id, nullable=False),
    Column("kind", Name, nullable=False),
    Column("key", String(64), unique=True, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
)

deliveries = Table(  # the way of each notice to each receiver
    "deliveries",
    metadata,
    Column("notice_id", String(36), primary_key=True),
    Column("url", Text, primary_key=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", Instant),  # None: delivered or given up
    Column("delivered_at", Instant),
    Column("status", Integer),  # of the last answer
    Column("error", Message),
    Index("deliveries_due", "due_at"),
)

tokens = Table(  # bearer tokens of programs
    "tokens",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("hash", String(64), unique=True, nullable=False),  # SHA-256 of the token
    Column("is_read_only", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),  # to the minute
)

set_aside = Table(  # tasks that could not be worked on, by the step that failed
    "set_aside",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("step", String(16), primary_key=True),
    Column("error", Message, nullable=False),
    Column("since", Instant, nullable=False),
)

installation = Table(  # facts that all machines of the installation share, by name
    "installation",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("value", JSON, nullable=False),
)

refusals = Table(  # events that were refused, by the connected project that they named
    "refusals",
    metadata,
    Column("project_id", Id, primary_key=True, autoincrement=False),
    Column("refused", Integer, nullable=False),
    Column("reason", Message, nullable=False),  # of the last one
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
)
