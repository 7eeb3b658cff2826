"""The boxes of a project that may be wrong, as the last look at it found them, in the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from loop.crops.suspicion import SuspectBox, SuspectKind
from loop.label_studio.classes import name_today
from loop.label_studio.projects import ProjectStore
from loop.regions import read_region, write_region
from loop.storage.queries import begin_alone, chunked
from loop.storage.tables import reviews
from loop.storage.vector_tables import suspect_lists


@dataclass(frozen=True, slots=True)
class SuspectList:
    """
    The result of a look at the reviews of a project, each kind with the likeliest first. It began at *looked_at*.

    The detections were those of *version*, on so many *images*. *left_out* says why a part was not looked at.
    """

    version: str
    images: int
    suspects: tuple[SuspectBox, ...]
    looked_at: datetime
    left_out: tuple[str, ...] = ()

    def of_kind(self, kind: SuspectKind, label: str | None = None) -> list[SuspectBox]:
        """Return the boxes of a kind, those of a *label* alone if one is given."""
        of_kind = [suspect for suspect in self.suspects if suspect.kind == kind]
        return [suspect for suspect in of_kind if label in (None, suspect.region.label)]


class SuspectStore:
    """The newest list of each project."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._projects = engine, ProjectStore(engine)

    def read(self, project_id: int) -> SuspectList | None:
        """Return the list of a project with the labels of today; None if nobody has looked yet."""
        query = sa.select(suspect_lists).where(suspect_lists.c.project_id == project_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        suspects = [_read(content) for content in row.suspects]
        labels = (label for suspect in suspects for label in (suspect.region.label, suspect.suggested))
        names = name_today(self._projects.get(project_id).config(), labels)
        renamed = tuple(_rename(suspect, names) for suspect in suspects)
        return SuspectList(row.version, row.images, renamed, row.looked_at, tuple(row.left_out))

    def replace(self, project_id: int, found: SuspectList) -> None:
        """Replace the list of a project."""
        row = {
            "project_id": project_id,
            "version": found.version,
            "images": found.images,
            "left_out": list(found.left_out),
            "suspects": [_write(suspect) for suspect in found.suspects],
            "looked_at": found.looked_at,
        }
        with begin_alone(self._engine, project_id) as connection:
            connection.execute(suspect_lists.delete().where(suspect_lists.c.project_id == project_id))
            connection.execute(suspect_lists.insert().values(row))

    def find_reviewed_since(self, project_id: int, task_ids: list[int], moment: datetime) -> set[int]:
        """Return those of the tasks that have a review recorded after a moment."""
        is_new = (reviews.c.project_id == project_id, reviews.c.recorded_at > moment)
        query, reviewed = sa.select(reviews.c.task_id).where(*is_new), set[int]()
        with self._engine.connect() as connection:
            for ids in chunked(task_ids):
                reviewed |= set(connection.scalars(query.where(reviews.c.task_id.in_(ids))))
        return reviewed


def _rename(suspect: SuspectBox, names: Mapping[str, str]) -> SuspectBox:
    region = replace(suspect.region, label=names[suspect.region.label])
    return replace(suspect, region=region, suggested=names[suspect.suggested])


def _write(suspect: SuspectBox) -> dict[str, Any]:
    return {
        "kind": suspect.kind.value,
        "task": suspect.task_id,
        "image": suspect.image,
        "region": write_region(suspect.region),
        "score": suspect.score,
        "suggested": suspect.suggested,
    }


def _read(content: dict[str, Any]) -> SuspectBox:
    region = read_region(content["region"])
    kind = SuspectKind(content["kind"])
    return SuspectBox(kind, content["task"], content["image"], region, content["score"], content["suggested"])
