"""The connected projects in the records, with their label configs, settings and classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.errors import LabelConfigError, UnknownProject
from loop.label_studio.classes import ClassBook, ObjectClass
from loop.label_studio.label_config import LabelConfig, parse
from loop.storage.changes import ChangeKind, record_change, record_newest
from loop.storage.queries import begin_alone
from loop.storage.tables import classes, former_names, projects

LONGEST_TITLE = 200  # characters that are kept


@dataclass(frozen=True, slots=True)
class Project:
    """
    One connected project.

    Reviews recorded until *reviews_seen_at* have been trained on. Changes until *synced_until*, by Label Studio's
    clock, are known. *refresh_asked* counts the requests for a refresh; the last refresh, by *refreshed_version*,
    answered the request numbered *refresh_done*. *policy* holds the project's own values in place of the settings.
    *pinned* is the version that it stays on; *shadow* is tried on *shadow_share* of its tasks. *synonyms* maps each
    name of a renamed class to all its names.
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
    synonyms: Mapping[str, tuple[str, ...]]

    def config(self) -> LabelConfig:
        """Parse the label config, which knows the names of the classes. Raises LabelConfigError."""
        return parse(self.label_config).with_synonyms(self.synonyms)


class ProjectStore:
    """The projects in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, project_id: int) -> Project:
        """Return one project. Raises UnknownProject if it was never connected."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(projects).where(projects.c.id == project_id)).one_or_none()
            if row is None:
                raise UnknownProject(project_id)
            return _project(connection, row)

    def all(self) -> list[Project]:
        """Return every connected project, by id."""
        query = sa.select(projects).order_by(projects.c.id)
        with self._engine.connect() as connection:
            return [_project(connection, row) for row in connection.execute(query).all()]

    def save(self, project_id: int, title: str, label_config: str, why: str = "connected") -> bool:
        """
        Record title and label config of a project, and append its labels to the classes; return whether it changed.

        If the new config reads reviews differently, the next sync reads all of them. Raises LabelConfigError.
        """
        config, title = parse(label_config), title[:LONGEST_TITLE]
        is_project = projects.c.id == project_id
        with begin_alone(self._engine, project_id) as connection:
            known = connection.execute(sa.select(projects).where(is_project)).one_or_none()
            if known is None:
                row = {"id": project_id, "title": title, "label_config": label_config}
                connection.execute(projects.insert().values(**row, connected_at=datetime.now(UTC)))
            else:
                connection.execute(projects.update().where(is_project).values(title=title, label_config=label_config))
                if known.label_config != label_config and _reading_rules(known.label_config) != config.reading_rules:
                    connection.execute(projects.update().where(is_project).values(synced_until=None))
            _append_classes(connection, project_id, config.label_names)
            before = known.label_config if known else None
            record_change(connection, project_id, ChangeKind.LABEL_CONFIG, before, label_config, why)
        return known is None or (known.title, known.label_config) != (title, label_config)

    def mark_reviews_seen(self, project_id: int, moment: datetime) -> None:
        """Record that all reviews recorded until *moment* have been trained on."""
        self._set(project_id, reviews_seen_at=moment)

    def set_policy(self, project_id: int, policy: Mapping[str, Any]) -> None:
        """Record a project's own values in place of the settings."""
        self._change(project_id, ChangeKind.POLICY, policy=dict(policy))

    def record_sync(self, project_id: int, moment: datetime | None, *, label_config: str | None = None) -> None:
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

    def record_annotations_a_task(self, project_id: int, number: int) -> bool:
        """Record how many annotations a task is to have; where more than before, ask for a refresh and return True."""
        with begin_alone(self._engine, project_id) as connection:
            before: int = record_newest(connection, project_id, ChangeKind.ANNOTATIONS, number, 1)
            if number > before:
                more = projects.update().where(projects.c.id == project_id)
                connection.execute(more.values(refresh_asked=projects.c.refresh_asked + 1))
        return number > before

    def record_refresh(self, project: Project, version: str) -> None:
        """Record that *version* has answered the requests for a refresh known to *project*."""
        self._set(project.id, refresh_done=project.refresh_asked, refreshed_version=version)

    def set_shadow(self, project_id: int, version: str | None, share: float, *, is_shown: bool) -> None:
        """Record the shadow of a project and the share of the tasks that it is tried on; None ends it."""
        self._change(project_id, ChangeKind.SHADOW, shadow=version, shadow_share=share, is_shadow_shown=is_shown)

    def class_names(self, project_id: int) -> list[str]:
        """Return the names of the classes by id; an id never moves."""
        query = sa.select(classes.c.name).where(classes.c.project_id == project_id).order_by(classes.c.class_id)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def _change(self, project_id: int, kind: ChangeKind, **values: Any) -> None:
        """Set columns, and record the change."""
        is_project = projects.c.id == project_id
        with self._engine.begin() as connection:
            columns = [projects.c[name] for name in values]
            before = connection.execute(sa.select(*columns).where(is_project)).one()._asdict()
            connection.execute(projects.update().where(is_project).values(values))
            record_change(connection, project_id, kind, before, values)

    def _set(self, project_id: int, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(projects.update().where(projects.c.id == project_id).values(values))


class ClassStore:
    """The classes of the projects in the records; the id of a class never moves."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def book(self, project_id: int) -> ClassBook:
        """Return all classes of a project."""
        with self._engine.connect() as connection:
            return _read_book(connection, project_id)

    def synonyms(self, project_id: int) -> Mapping[str, tuple[str, ...]]:
        """Map each name of a class that was ever renamed or merged to all its names, the current name first."""
        with self._engine.connect() as connection:
            return _read_synonyms(connection, project_id)

    def current_names(self, project_id: int) -> dict[str, str]:
        """Map each name of a class that was ever renamed or merged to the current name of the class."""
        return {label: names[0] for label, names in self.synonyms(project_id).items()}

    def rename(self, project_id: int, old: str, new: str) -> ObjectClass:
        """Rename a class, or merge it into the class with the name *new*; return the class with that name."""
        with begin_alone(self._engine, project_id) as connection:
            changed = _read_book(connection, project_id).rename(old, new)
            for changed_class in changed:
                _write(connection, project_id, changed_class)
            is_project = projects.c.id == project_id  # reviews that had the new name before can be read now
            connection.execute(projects.update().where(is_project).values(synced_until=None))
            record_change(connection, project_id, ChangeKind.CLASS_NAME, old, new)
        return changed[-1]

    def retire(self, project_id: int, name: str, *, is_retired: bool = True) -> ObjectClass:
        """Leave the boxes of a class out of all later snapshots, or take them in again."""
        with self._engine.begin() as connection:
            known = _read_book(connection, project_id).get(name)
            is_class = sa.and_(classes.c.project_id == project_id, classes.c.class_id == known.id)
            connection.execute(classes.update().where(is_class).values(is_retired=is_retired))
            retired = (f"{name}, in use", f"{name}, retired")
            before, after = retired[known.is_retired], retired[is_retired]
            record_change(connection, project_id, ChangeKind.CLASS_RETIRED, before, after)
        return known


def _reading_rules(label_config: str) -> object:
    """Return how a label config reads reviews; None if it is refused today."""
    try:
        return parse(label_config).reading_rules
    except LabelConfigError:
        return None


def _project(connection: sa.Connection, row: sa.Row[Any]) -> Project:
    columns = {each.name: getattr(row, each.name) for each in fields(Project) if each.name != "synonyms"}
    return Project(**columns, synonyms=_read_synonyms(connection, row.id))


def _append_classes(connection: sa.Connection, project_id: int, labels: Iterable[str]) -> None:
    """Add a class for each label that is no current or former name of a class."""
    known = _read_book(connection, project_id).classes
    taken = {name for known_class in known for name in (known_class.name, *known_class.former)}
    new = [label for label in dict.fromkeys(labels) if label not in taken]
    for class_id, name in enumerate(new, start=len(known)):
        connection.execute(classes.insert().values(project_id=project_id, class_id=class_id, name=name))


def _read_book(connection: sa.Connection, project_id: int) -> ClassBook:
    former: dict[int, list[str]] = {}
    query = sa.select(former_names).where(former_names.c.project_id == project_id).order_by(former_names.c.name)
    for row in connection.execute(query):
        former.setdefault(row.class_id, []).append(row.name)
    query = sa.select(classes).where(classes.c.project_id == project_id).order_by(classes.c.class_id)
    return ClassBook(
        tuple(
            ObjectClass(row.class_id, row.name, tuple(former.get(row.class_id, ())), row.merged_into, row.is_retired)
            for row in connection.execute(query)
        )
    )


def _read_synonyms(connection: sa.Connection, project_id: int) -> Mapping[str, tuple[str, ...]]:
    """Read the names of renamed classes; the classes of most projects were never renamed, and are not read."""
    is_renamed = sa.exists().where(former_names.c.project_id == project_id)
    is_merged = sa.exists().where(classes.c.project_id == project_id, classes.c.merged_into.is_not(None))
    has_any = connection.scalar(sa.select(sa.or_(is_renamed, is_merged)))
    return _read_book(connection, project_id).synonyms() if has_any else {}


def _write(connection: sa.Connection, project_id: int, changed: ObjectClass) -> None:
    is_class = sa.and_(classes.c.project_id == project_id, classes.c.class_id == changed.id)
    connection.execute(classes.update().where(is_class).values(name=changed.name, merged_into=changed.merged_into))
    is_former = sa.and_(former_names.c.project_id == project_id, former_names.c.class_id == changed.id)
    connection.execute(former_names.delete().where(is_former))
    for name in changed.former:
        connection.execute(former_names.insert().values(project_id=project_id, name=name, class_id=changed.id))
