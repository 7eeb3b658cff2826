"""The connected projects, each with its label config and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.errors import LabelConfigError, UnknownProject
from loop.label_studio import class_store as class_list
from loop.label_studio.label_config import LabelConfig, parse
from loop.storage.tables import classes, projects, reviews


@dataclass(frozen=True, slots=True)
class Project:
    """
    One connected project.

    Reviews recorded until *reviews_seen_at* have been trained on; changes until *synced_until*, by Label Studio's
    clock, are known. Its open tasks were last predicted by
    *refreshed_version*, in answer to the ask numbered *refresh_done* of the *refresh_asked* there were. *policy* is
    what it decides otherwise than the settings. It stays on the version it is *pinned* to; *shadow* is tried on a share
    of its tasks.
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
        """The label config, parsed."""
        return parse(self.label_config)


class ProjectList:
    """The projects in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, project_id: int) -> Project:
        """Return one project; UnknownProject where it was never connected."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(projects).where(projects.c.id == project_id)).one_or_none()
        if row is None:
            raise UnknownProject(project_id)
        return _project(row)

    def all(self) -> list[Project]:
        """Every connected project, by id."""
        query = sa.select(projects).order_by(projects.c.id)
        with self._engine.connect() as connection:
            return [_project(row) for row in connection.execute(query)]

    def save(self, project_id: int, title: str, label_config: str) -> bool:
        """
        Keep title and label config of a project, appending its labels to the classes; return whether it changed.

        Where reviews are read otherwise by it, the next sweep reads all of them.
        """
        config = parse(label_config)
        is_here = projects.c.id == project_id
        with self._engine.begin() as connection:
            known = connection.execute(sa.select(projects).where(is_here)).one_or_none()
            if known is None:
                row = {"id": project_id, "title": title, "label_config": label_config}
                connection.execute(projects.insert().values(**row, connected_at=datetime.now(UTC)))
            else:
                connection.execute(projects.update().where(is_here).values(title=title, label_config=label_config))
                if known.label_config != label_config and _reads(known.label_config) != config.reads:
                    connection.execute(projects.update().where(is_here).values(synced_until=None))
            class_list.append(connection, project_id, config.label_names)
        return known is None or (known.title, known.label_config) != (title, label_config)

    def reviews_seen(self, project_id: int, moment: datetime) -> None:
        """Remember that all reviews recorded until *moment* have been trained on."""
        self._set(project_id, reviews_seen_at=moment)

    def reviews_until(self, project_id: int) -> datetime | None:
        """When the newest review was recorded; what comes from now on is later."""
        with self._engine.connect() as connection:
            query = sa.select(sa.func.max(reviews.c.recorded_at)).where(reviews.c.project_id == project_id)
            newest: datetime | None = connection.scalar(query)
        return newest

    def decide(self, project_id: int, policy: Mapping[str, Any]) -> None:
        """Keep what a project decides otherwise than the settings."""
        self._set(project_id, policy=dict(policy))

    def synced(self, project_id: int, moment: datetime | None, *, label_config: str | None = None) -> None:
        """
        Remember that all changes in Label Studio until *moment* are known; None: that nothing is.

        They are not where they were read by a *label_config* that is no longer in force.
        """
        is_read = projects.c.label_config == label_config if label_config is not None else sa.true()
        with self._engine.begin() as connection:
            change = projects.update().where(projects.c.id == project_id, is_read)
            connection.execute(change.values(synced_until=moment))

    def ask_refresh(self, project_id: int) -> None:
        """Remember that there are tasks to predict; it holds until a refresh that began later is done."""
        self._set(project_id, refresh_asked=projects.c.refresh_asked + 1)

    def refreshed(self, project: Project, version: str) -> None:
        """Remember that the asks known to *project* have been answered by *version*."""
        self._set(project.id, refresh_done=project.refresh_asked, refreshed_version=version)

    def shadow(self, project_id: int, version: str | None, share: float, *, is_shown: bool) -> None:
        """Remember which version is tried on what share of the tasks; None: none is."""
        self._set(project_id, shadow=version, shadow_share=share, is_shadow_shown=is_shown)

    def class_names(self, project_id: int) -> list[str]:
        """The classes by id; an id, once given, never moves."""
        query = sa.select(classes.c.name).where(classes.c.project_id == project_id).order_by(classes.c.class_id)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def _set(self, project_id: int, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(projects.update().where(projects.c.id == project_id).values(values))


def _reads(label_config: str) -> object:
    """All of a label config that decides how reviews are read; None where it is none by the rules of today."""
    try:
        return parse(label_config).reads
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
