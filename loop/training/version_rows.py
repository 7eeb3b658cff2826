"""The versions of a project as a person chooses among them: what serves, what the gate said, what each learned from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loop.registry.moves import CANDIDATE, CHAMPION, PREVIOUS
from loop.registry.store import Version
from loop.training.learning_curve import count_labelled
from loop.training.room import TrainingRoom
from loop.training.store import Training

PAGE = 25
PINNED, SHADOW = "pinned", "shadow"


@dataclass(frozen=True, slots=True)
class VersionRow:
    """
    One version.

    *marks* are its aliases, `pinned` and `shadow`. *status* and *reason* are those of the training that made it, with
    the gate's outcome; None where it came from elsewhere. *images* were labelled then. *map50_95* is that of its
    trained weights, on *held_out* images of its own time.
    """

    name: str
    created_at: datetime
    parent: str | None
    snapshot: str | None
    has_weights: bool
    marks: tuple[str, ...]
    training: int | None
    status: str | None
    reason: str
    images: int | None
    map50_95: float | None
    held_out: int | None


@dataclass(frozen=True, slots=True)
class VersionPage:
    """Some versions of a project, newest first, after *skipped* of *total*; and which ones serve, served and stay."""

    rows: tuple[VersionRow, ...]
    names: tuple[str, ...]  # of all versions, newest first
    skipped: int
    champion: str | None
    previous: str | None
    pinned: str | None

    @property
    def total(self) -> int:
        """The number of all versions."""
        return len(self.names)


def list_versions(trainings: TrainingRoom, project_id: int, skip: int = 0, most: int = PAGE) -> VersionPage:
    """Return a page of a project's versions, newest first. Raises UnknownProject."""
    project, registry = trainings.studio.projects.get(project_id), trainings.registry.versions
    versions = registry.list_newest(project_id)
    at = {alias: registry.at(project_id, alias) for alias in (CHAMPION, PREVIOUS, CANDIDATE)}
    marks = {alias: version.name for alias, version in at.items() if version}
    champion, previous = marks.get(CHAMPION), marks.get(PREVIOUS)
    marks |= {mark: name for mark, name in ((PINNED, project.pinned), (SHADOW, project.shadow)) if name}
    made_by = {training.version: training for training in trainings.store.all(project_id) if training.version}
    return VersionPage(
        rows=tuple(_make_row(version, made_by.get(version.name), marks) for version in versions[skip : skip + most]),
        names=tuple(version.name for version in versions),
        skipped=skip,
        champion=champion,
        previous=previous,
        pinned=project.pinned,
    )


def get_version(trainings: TrainingRoom, project_id: int, name: str) -> VersionRow:
    """Return one version, by its name or number. Raises UnknownProject, UnknownVersion."""
    full = trainings.registry.versions.get(project_id, name).name
    page = list_versions(trainings, project_id, most=1 << 30)
    return next(row for row in page.rows if row.name == full)


def _make_row(version: Version, training: Training | None, marks: dict[str, str]) -> VersionRow:
    facts = version.facts
    return VersionRow(
        name=version.name,
        created_at=version.created_at,
        parent=facts.parent,
        snapshot=facts.snapshot,
        has_weights=version.has_weights,
        marks=tuple(mark for mark, name in marks.items() if name == version.name),
        training=training.id if training else None,
        status=training.status if training else None,
        reason=training.end.reason if training and training.end else "",
        images=count_labelled(training) if training else None,
        map50_95=_read_number(facts.metrics.get("map50_95")),
        held_out=_read_count(facts.metrics.get("images")),
    )


def _read_number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _read_count(value: Any) -> int | None:
    return value if isinstance(value, int) else None
