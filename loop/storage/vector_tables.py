"""The tables of what should stand in the vector collections."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, String, Table, Text

from loop.storage.message_column import Message
from loop.storage.tables import Id, Instant, metadata

vectors = Table(  # what should stand in a vector collection, and how far it is
    "vectors",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("embedder", String(64), primary_key=True),  # its fingerprint
    Column("kind", String(16), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("crop", String(32), nullable=False),  # the place on the image; what has one has one vector
    Column("task_id", Id, nullable=False),
    Column("image", Text, nullable=False),
    Column("box", JSON, nullable=False),
    Column("region", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("state", String(8), nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("due_at", Instant),  # None: at once
    Column("error", Message),  # why there is none
    Column("made_at", Instant),  # when Milvus acknowledged it
    Index("vectors_by_state", "project_id", "embedder", "state"),
    Index("vectors_of_crop", "project_id", "embedder", "crop"),
    Index("vectors_of_task", "project_id", "embedder", "task_id"),
)

planned_tasks = Table(  # tasks whose wanted vectors stand in the table above, as the records were then
    "planned_tasks",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("embedder", String(64), primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("state", Text, nullable=False),
)
