"""The connected projects in the records, with their label configs and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.errors import LabelConfigError, UnknownProject
from loop.label_studio import class_store
from loop.label_studio.label_config import LabelConfig, parse
from loop.storage.tables import classes, projects, reviews


@dataclass(frozen=True, slots=True)
class Project:
    """
    One connected project.

    Reviews recorded until *reviews_seen_at* have been trained on. Changes until *synced_until*, by Label Studio's
    clock, are known. *refresh_asked* counts the requests for a refresh; the last refresh, by *refreshed_version*,
    answered the request numbered *refresh_done*. *policy* holds the project's own values in place of the settings.
    *pinned* is the version that it stays on; *shadow* is tried on *shadow_share* of its tasks.
    """

    id: int
    title: str
    label_config: str
    reviews_seen_at: datetime | None
    synced_until: datetime | None
    refresh_asked: int
    refresh_done: int
    refreshed_version: str | None
    policy: Mapping[str, Any]
    pinned: str | None
    shadow: str | None
    shadow_share: float
    is_shadow_shown: bool

    def config(self) -> LabelConfig:
        """Parse the label config. Raises LabelConfigError."""
        return parse(self.label_config)


class ProjectList:
    """The projects in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, project_id: int) -> Project:
        """Return one project. Raises UnknownProject if it was never connected."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(projects).where(projects.c.id == project_id)).one_or_none()
        if row is None:
            raise UnknownProject(project_id)
        return _project(row)

    def all(self) -> list[Project]:
        """Return every connected project, by id."""
        query = sa.select(projects).order_by(projects.c.id)
        with self._engine.connect() as connection:
            return [_project(row) for row in connection.execute(query)]

    def save(self, project_id: int, title: str, label_config: str) -> bool:
        """
        Record title and label config of a project, and append its labels to the classes; return whether it changed.

        If the new config reads reviews differently, the next sync reads all of them. Raises LabelConfigError.
        """
        config = parse(label_config)
        is_project = projects.c.id == project_id
        with self._engine.begin() as connection:
            known = connection.execute(sa.select(projects).where(is_project)).one_or_none()
            if known is None:
                row = {"id": project_id, "title": title, "label_config": label_config}
                connection.execute(projects.insert().values(**row, connected_at=datetime.now(UTC)))
            else:
                connection.execute(projects.update().where(is_project).values(title=title, label_config=label_config))
                if known.label_config != label_config and _reading_rules(known.label_config) != config.reading_rules:
                    connection.execute(projects.update().where(is_project).values(synced_until=None))
            class_store.append(connection, project_id, config.label_names)
        return known is None or (known.title, known.label_config) != (title, label_config)

    def reviews_seen(self, project_id: int, moment: datetime) -> None:
        """Record that all reviews recorded until *moment* have been trained on."""
        self._set(project_id, reviews_seen_at=moment)

    def reviews_until(self, project_id: int) -> datetime | None:
        """Return when the newest review was recorded; later reviews have a later time."""
        with self._engine.connect() as connection:
            query = sa.select(sa.func.max(reviews.c.recorded_at)).where(reviews.c.project_id == project_id)
            newest: datetime | None = connection.scalar(query)
        return newest

    def decide(self, project_id: int, policy: Mapping[str, Any]) -> None:
        """Record a project's own values in place of the settings."""
        self._set(project_id, policy=dict(policy))

    def synced(self, project_id: int, moment: datetime | None, *, label_config: str | None = None) -> None:
        """
        Record that all changes in Label Studio until *moment* are known; None forgets them.

        Changes read by a *label_config* that is no longer in force are not recorded as known.
        """
        is_read = projects.c.label_config == label_config if label_config is not None else sa.true()
        with self._engine.begin() as connection:
            change = projects.update().where(projects.c.id == project_id, is_read)
            connection.execute(change.values(synced_until=moment))

    def ask_refresh(self, project_id: int) -> None:
        """Record that there are tasks to predict; a refresh that begins later answers it."""
        self._set(project_id, refresh_asked=projects.c.refresh_asked + 1)

    def refreshed(self, project: Project, version: str) -> None:
        """Record that *version* has answered the requests for a refresh known to *project*."""
        self._set(project.id, refresh_done=project.refresh_asked, refreshed_version=version)

    def shadow(self, project_id: int, version: str | None, share: float, *, is_shown: bool) -> None:
        """Record the shadow of a project and the share of the tasks that it is tried on; None ends it."""
        self._set(project_id, shadow=version, shadow_share=share, is_shadow_shown=is_shown)

    def class_names(self, project_id: int) -> list[str]:
        """Return the names of the classes by id; an id never moves."""
        query = sa.select(classes.c.name).where(classes.c.project_id == project_id).order_by(classes.c.class_id)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def _set(self, project_id: int, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(projects.update().where(projects.c.id == project_id).values(values))


def _reading_rules(label_config: str) -> object:
    """Return how a label config reads reviews; None if it is refused today."""
    try:
        return parse(label_config).reading_rules
    except LabelConfigError:
        return None


def _project(row: sa.Row[Any]) -> Project:
    return Project(
        id=row.id,
        title=row.title,
        label_config=row.label_config,
        reviews_seen_at=row.reviews_seen_at,
        synced_until=row.synced_until,
        refresh_asked=row.refresh_asked,
        refresh_done=row.refresh_done,
        refreshed_version=row.refreshed_version,
        policy=row.policy,
        pinned=row.pinned,
        shadow=row.shadow,
        shadow_share=row.shadow_share,
        is_shadow_shown=row.is_shadow_shown,
    )
