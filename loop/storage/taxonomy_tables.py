"""The tables of taxonomies, matches, clusters, and groups of tasks."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, String, Table, Text

from loop.storage.actor import who_acts
from loop.storage.columns import Id, Instant, Message, Name
from loop.storage.storable import LONGEST_ADDRESS
from loop.storage.tables import metadata

taxonomies = Table(  # every taxonomy that was applied; the newest is in force
    "taxonomies",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("version", String(12), nullable=False),  # of its content
    Column("content", Text, nullable=False),  # YAML
    Column("why", Message, nullable=False),
    Column("who", Message, default=who_acts),
    Column("applied_at", Instant, nullable=False),
)

matches = Table(  # the node of each detection; `detection` is a key in `vectors`
    "matches",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("embedder", String(64), primary_key=True),  # its fingerprint
    Column("detection", String(32), primary_key=True),
    Column("node", Name),  # NULL: unknown
    Column("score", Float, nullable=False),
    Column("votes", JSON, nullable=False),  # references and similarities, best first
    Column("is_shown", Boolean, nullable=False),  # whether Label Studio has it
    Index("matches_by_node", "project_id", "embedder", "node"),
)

reapplications = Table(  # each with the changes that undo it
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

clusters = Table(  # of the last discovery, and all that a person decided on
    "clusters",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("id", String(8), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("facts", JSON, nullable=False),  # persistence, stability, nearest node, suggested name
    Column("members", JSON, nullable=False),  # the medoid first
    Column("likely", JSON, nullable=False),  # unknown boxes in no cluster that are near to this cluster
    Column("found_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("decided_by", Message),
    Column("name", Name),  # given at its promotion
    Column("parent", Name),  # given at its promotion
    Column("node", Name),  # that it became
)

named_boxes = Table(  # members of promoted clusters: references, until a review of their task replaces them
    "named_boxes",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("crop", String(32), primary_key=True),
    Column("image", Name(LONGEST_ADDRESS), nullable=False),
    Column("box", JSON, nullable=False),
    Column("region", Name, nullable=False),
    Column("label", Name, nullable=False),
    Column("cluster", String(8), nullable=False),
    Column("named_at", Instant, nullable=False),
)

label_passes = Table(  # the last pass that gave open tasks labels by references
    "label_passes",
    metadata,
    Column("project_id", Id, primary_key=True, autoincrement=False),
    Column("state", Name, nullable=False),  # the version, the embedder and the references that it voted with
    Column("seen_until", Instant),  # vectors of detections made until then were voted on
    Column("seconds", Float, nullable=False),
    Column("ended_at", Instant, nullable=False),
)

taxonomy_previews = Table(  # the last of each kind that a job prepared, for a person to decide on
    "taxonomy_previews",
    metadata,
    Column("project_id", Id, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("content", JSON, nullable=False),
    Column("made_at", Instant, nullable=False),
)

task_groups = Table(  # groups of tasks that show similar objects; the queue is spread over them
    "task_groups",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("number", Integer, nullable=False),
)
