"""The tables of taxonomies, of what detections were matched to, and of clusters."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, String, Table, Text

from loop.storage.tables import Id, Instant, metadata

taxonomies = Table(  # every taxonomy that was applied, the newest is in force
    "taxonomies",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("version", String(12), nullable=False),  # of its content
    Column("content", Text, nullable=False),  # YAML
    Column("why", Text, nullable=False),
    Column("applied_at", Instant, nullable=False),
)

matches = Table(  # what each detection was matched to; the detection is a key in `vectors`
    "matches",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("embedder", String(64), primary_key=True),  # its fingerprint
    Column("detection", String(32), primary_key=True),
    Column("node", Text),  # none: unknown
    Column("score", Float, nullable=False),
    Column("votes", JSON, nullable=False),  # references and similarities, best first
    Column("is_shown", Boolean, nullable=False),  # whether Label Studio has it
    Index("matches_by_node", "project_id", "embedder", "node"),
)

reapplications = Table(  # each carries what takes it back
    "reapplications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Id, nullable=False, index=True),
    Column("embedder", String(64), nullable=False),
    Column("taxonomy", String(12), nullable=False),
    Column("token", String(16), nullable=False),
    Column("undo", JSON, nullable=False),  # the inverse changes
    Column("applied_at", Instant, nullable=False),
    Column("undone_at", Instant),
)

clusters = Table(  # of the unknown: those of the last discovery, and all that a person decided on
    "clusters",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("id", String(8), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("facts", JSON, nullable=False),  # persistence, stability, nearest node, suggested name
    Column("members", JSON, nullable=False),  # the medoid first
    Column("likely", JSON, nullable=False),  # what is in no cluster, and near to this one
    Column("found_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("name", Text),  # that it was promoted by
    Column("parent", Text),  # that was asked for
    Column("node", Text),  # what it became
)

named_boxes = Table(  # members of clusters that a person named: references, until a review of their task says more
    "named_boxes",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("crop", String(32), primary_key=True),
    Column("image", Text, nullable=False),
    Column("box", JSON, nullable=False),
    Column("region", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("cluster", String(8), nullable=False),
    Column("named_at", Instant, nullable=False),
)

task_groups = Table(  # tasks that show like things, as Label Studio's queue is spread over them
    "task_groups",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("number", Integer, nullable=False),
)
