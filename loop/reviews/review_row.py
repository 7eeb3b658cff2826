"""A review to a row of the records, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from loop.label_studio.payloads import Review
from loop.label_studio.result_format import Unread, Why
from loop.regions import read_regions, write_regions
from loop.storage.storable import fit
from loop.storage.tables import projects, reviews, trainings
from loop.vision.addresses import identify_all

LONGEST_FIELD = 10_000  # characters of a text in the data of a task


def write(review: Review, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a review, without the time of its recording; *data* is the data of its task."""
    return {
        "project_id": review.project_id,
        "annotation_id": review.id,
        "created_at": review.created_at,
        "task_id": review.task_id,
        "updated_at": review.updated_at,
        "unique_id": review.unique_id,
        "data": _fit_texts(identify_all(data)),
        "regions": write_regions(review.regions),
        "unread": [asdict(part) for part in review.unread] or None,
        "annotator": review.annotator,
        "lead_time": review.lead_time,
        "is_skipped": review.is_skipped,
        "is_ground_truth": review.is_ground_truth,
        "is_unseen": review.is_unseen,
        "is_imported": review.is_imported,
        "parent_prediction": review.parent_prediction,
    }


def stamp(connection: sa.Connection, project_id: int) -> datetime:
    """
    Return when a review is recorded, which is now.

    Where the clock went back to before what a training learnt or learns, it is after all others: this one is new.
    """
    seen = sa.select(projects.c.reviews_seen_at).where(projects.c.id == project_id)
    learnt = sa.select(sa.func.max(trainings.c.reviews_until)).where(trainings.c.project_id == project_id)
    newest = sa.select(sa.func.max(reviews.c.recorded_at)).where(reviews.c.project_id == project_id)
    now = datetime.now(UTC)
    if all(moment is None or moment < now for moment in map(connection.scalar, (seen, learnt))):
        return now
    moments: list[datetime] = list(filter(None, map(connection.scalar, (seen, learnt, newest))))
    return max(moments) + timedelta(microseconds=1)


def read(row: sa.Row[Any]) -> Review:
    """Return the review of a row."""
    return Review(
        id=row.annotation_id,
        unique_id=row.unique_id,
        project_id=row.project_id,
        task_id=row.task_id,
        regions=read_regions(row.regions),
        unread=tuple(Unread(Why(part["why"]), part["text"], part["label"]) for part in row.unread or ()),
        created_at=row.created_at,
        updated_at=row.updated_at,
        annotator=row.annotator,
        lead_time=row.lead_time,
        is_skipped=row.is_skipped,
        is_ground_truth=row.is_ground_truth,
        is_unseen=row.is_unseen,
        is_imported=row.is_imported,
        parent_prediction=row.parent_prediction,
    )


def _fit_texts(value: Any) -> Any:
    """Return the same JSON with texts of at most LONGEST_FIELD characters."""
    if isinstance(value, Mapping):
        return {key: _fit_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fit_texts(item) for item in value]
    return fit(value, LONGEST_FIELD) if isinstance(value, str) else value
