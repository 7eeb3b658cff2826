"""The tables of the vectors that the collections should hold, and of the boxes that they make suspect."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, String, Table, Text

from loop.storage.columns import Id, Instant, Message, Name
from loop.storage.storable import LONGEST_ADDRESS
from loop.storage.tables import metadata

vectors = Table(  # the entries that the collections should hold, and the state of each
    "vectors",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("embedder", String(64), primary_key=True),  # its fingerprint
    Column("kind", String(16), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("crop", String(32), nullable=False),  # the key of the place on the image; the same crop has the same vector
    Column("task_id", Id, nullable=False),
    Column("image", Name(LONGEST_ADDRESS), nullable=False),
    Column("box", JSON, nullable=False),
    Column("region", Name, nullable=False),
    Column("label", Name, nullable=False),
    Column("version", Name, nullable=False),
    Column("score", Float, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("state", String(8), nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("due_at", Instant),  # None: at once
    Column("error", Message),  # why the vector could not be made
    Column("made_at", Instant),  # when Milvus acknowledged it
    Index("vectors_by_state", "project_id", "embedder", "state"),
    Index("vectors_of_crop", "project_id", "embedder", "crop"),
    Index("vectors_of_task", "project_id", "embedder", "task_id"),
    Index("vectors_of_label", "project_id", "embedder", "kind", "label", "score", "state"),
)

suspect_lists = Table(  # reviewed boxes that may be wrong, as the last look at a project found them
    "suspect_lists",
    metadata,
    Column("project_id", Id, primary_key=True, autoincrement=False),
    Column("version", Name, nullable=False),  # whose detections the reviews were compared with; empty: none
    Column("images", Integer, nullable=False),  # reviewed images that were compared
    Column("left_out", JSON, nullable=False),  # why a part was not looked at
    Column("suspects", JSON, nullable=False),  # of each kind the likeliest, in their order
    Column("looked_at", Instant, nullable=False),
)

planned_tasks = Table(  # tasks whose entries are in the table above, with the state of the records then
    "planned_tasks",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("embedder", String(64), primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("state", Text, nullable=False),
)
