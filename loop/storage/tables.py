"""The tables of the records."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, LargeBinary, String, Table, Text

from loop.storage.actor import who_acts
from loop.storage.columns import Id, Instant, Message, Name
from loop.storage.storable import LONGEST_ADDRESS

metadata = sa.MetaData()

projects = Table(
    "projects",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("title", Name, nullable=False),
    Column("label_config", Text, nullable=False),
    Column("connected_at", Instant, nullable=False),
    Column("reviews_seen_at", Instant),  # reviews recorded until then were trained on
    Column("synced_until", Instant),  # changes in Label Studio until then are recorded
    Column("refresh_asked", Integer, nullable=False, default=0),  # counts the requests
    Column("refresh_done", Integer, nullable=False, default=0),  # the request that the last refresh answered
    Column("refreshed_version", Name),  # the version that predicted then
    Column("policy", JSON, nullable=False, default=dict),  # the settings that this project overrides
    Column("pinned", Name),  # the version that serves whatever the gate says
    Column("shadow", Name),  # the version that answers beside the champion
    Column("shadow_share", Float, nullable=False, default=0.0),  # of the tasks
    Column("is_shadow_shown", Boolean, nullable=False, default=False),  # whether Label Studio gets its predictions
)

classes = Table(
    "classes",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("class_id", Integer, primary_key=True),
    Column("name", Name, nullable=False),
    Column("merged_into", Integer),  # the class that its boxes have now; its own id stays in use
    Column("is_retired", Boolean, nullable=False, default=False),  # its boxes are in no snapshot
    sa.UniqueConstraint("project_id", "name"),
)

former_names = Table(  # of renamed classes: reviews and detectors still have them
    "former_names",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("name", Name, primary_key=True),
    Column("class_id", Integer, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), unique=True, nullable=False),
    Column("project_id", Id, nullable=False),
    Column("action", Name, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("processed_at", Instant),
    Column("error", Message),  # why it was set aside
    Column("dismissed_at", Instant),  # when a person dismissed the error
    Index("events_pending", "project_id", "processed_at"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("annotation_id", Id, primary_key=True),
    Column("created_at", Instant, primary_key=True),  # part of the key: Label Studio on SQLite gives ids out again
    Column("task_id", Id, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("unique_id", Name, nullable=False),
    Column("data", JSON, nullable=False),  # of the task, at that time
    Column("regions", JSON, nullable=False),
    Column("unread", JSON(none_as_null=True)),  # the unread parts and the reasons; empty where all was read
    Column("annotator", Id),
    Column("lead_time", Float),
    Column("is_skipped", Boolean, nullable=False),
    Column("is_ground_truth", Boolean, nullable=False),
    Column("is_unseen", Boolean, nullable=False),  # made in bulk from a prediction; no person looked at it
    Column("is_imported", Boolean, nullable=False, default=False, server_default=sa.false()),  # by `loop import`
    Column("parent_prediction", Id),
    Column("recorded_at", Instant, nullable=False),
    Column("told_at", Instant),  # the last change by an event that no sync has compared with Label Studio
    Index("reviews_of_task", "project_id", "task_id"),
    Index("reviews_told", "project_id", "told_at"),
)

deletions = Table(
    "deletions",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("kind", String(16), primary_key=True),  # annotation or task
    Column("object_id", Id, primary_key=True),
    Column("received_at", Instant, nullable=False),
)

predictions = Table(
    "predictions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Id, nullable=False),
    Column("task_id", Id, nullable=False),
    Column("image", Name(LONGEST_ADDRESS), nullable=False),
    Column("version", Name, nullable=False),
    Column("regions", JSON, nullable=False),  # shown boxes
    Column("candidates", JSON, nullable=False),  # held-back boxes: above the floor, under the threshold
    Column("foreign_boxes", JSON(none_as_null=True)),  # of classes that the label config lacks
    Column("width", Integer),  # of the image, in pixels
    Column("height", Integer),
    Column("threshold", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("stream", String(8), nullable=False),
    Column("propensity", Float, nullable=False),
    Column("execution", String(36), nullable=False),  # the request or job that made it
    Column("is_shadow", Boolean, nullable=False, default=False),  # made by a shadow
    Column("served_at", Instant, nullable=False),
    Column("dropped_at", Instant),  # when its boxes were dropped: it was replaced, and nobody had reviewed the task
    Index("predictions_of_task", "project_id", "task_id"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Id, nullable=False),
    Column("task_id", Id, nullable=False),
    Column("annotation_id", Id, nullable=False),
    Column("prediction_id", Integer, nullable=False),
    Column("version", Name, nullable=False),
    Column("stream", String(8), nullable=False),
    Column("propensity", Float, nullable=False),  # the chance that the task is in the audit
    Column("execution", String(36), nullable=False),
    Column("is_shadow", Boolean, nullable=False, default=False),
    Column("position", Integer, nullable=False, default=0),  # among the verdicts of that task and version
    Column("decision", String(16), nullable=False),
    Column("is_moved", Boolean, nullable=False),
    Column("is_relabelled", Boolean, nullable=False),
    Column("predicted", JSON),
    Column("reviewed", JSON),
    Column("annotator", Id),
    Column("lead_time", Float),
    Column("reviewed_at", Instant, nullable=False),
    Index("verdicts_of_task", "project_id", "task_id"),
    Index("verdicts_in_order", "project_id", "is_shadow", "reviewed_at", "task_id"),
)

splits = Table(
    "splits",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("side", String(8), nullable=False),
    Column("group", Name),  # tasks of one group stay on one side
    Column("image_hash", String(16)),  # perceptual: near-duplicates differ in few bits; empty for a flat image
    Column("image", String(16)),  # of the address that the hash was taken from
    Column("is_left_out", Boolean, nullable=False, default=False),  # of training, as it is like a held-out task
)

whole_vectors = Table(  # of whole images, where near-duplicates are judged by an open_clip model
    "whole_vectors",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("task_id", Id, primary_key=True),
    Column("embedder", String(80), nullable=False),  # its fingerprint, and how the image was prepared
    Column("image", String(16), nullable=False),  # of the address that it was made from
    Column("vector", LargeBinary, nullable=False),  # unit length, in half precision, little-endian
)

IS_OPEN = "state IN ('asked', 'running')"

trainings = Table(
    "trainings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Id, nullable=False),
    Column("state", String(16), nullable=False),  # of the job
    Column("gate", String(16)),  # the gate's outcome for the version
    Column("is_pinned", Boolean, nullable=False, default=False),  # the gate passed a version, a pin kept another
    Column("asked_by", Message, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("stalled", Integer, nullable=False, default=0),  # starts since its last progress
    Column("is_cancelled", Boolean, nullable=False, default=False),  # a person asked it to stop
    Column("snapshot", String(64)),
    Column("reviews_until", Instant),  # reviews recorded until then are in the snapshot
    Column("progress", JSON),
    Column("report", JSON),
    Column("version", Name),
    Column("error", Message),
    Column("asked_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Index(
        "one_open_training",
        "project_id",
        unique=True,
        sqlite_where=sa.text(IS_OPEN),
        postgresql_where=sa.text(IS_OPEN),
    ),
)

versions = Table(
    "versions",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("name", Name, primary_key=True),
    Column("weights", Name, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("snapshot", String(64)),
    Column("parent", Name),
    Column("classes", JSON, nullable=False),  # as the weights name them
    Column("thresholds", JSON, nullable=False),  # floor and display, in force while it serves
    Column("training", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("project_id", Id, primary_key=True),
    Column("alias", String(16), primary_key=True),
    Column("version", Name, nullable=False),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Id, nullable=False),
    Column("alias", String(16), nullable=False),
    Column("version", Name, nullable=False),
    Column("kind", String(16)),  # promote, roll back or register; empty: not recorded yet at that time
    Column("why", Message, nullable=False),
    Column("who", Message, default=who_acts),
    Column("moved_at", Instant, nullable=False),
)
