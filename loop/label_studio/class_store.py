"""The classes of every project in the records; the id of a class never moves."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from loop.label_studio.classes import ClassBook, ObjectClass
from loop.storage.tables import classes, former_names, projects


class ClassList:
    """The class lists in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def book(self, project_id: int) -> ClassBook:
        """Return all classes of a project."""
        with self._engine.connect() as connection:
            return _read_book(connection, project_id)

    def rename(self, project_id: int, old: str, new: str) -> ObjectClass:
        """Rename a class, or merge it into the class with the name *new*; return the class with that name."""
        with self._engine.begin() as connection:
            changed = _read_book(connection, project_id).rename(old, new)
            for changed_class in changed:
                _write(connection, project_id, changed_class)
            is_project = projects.c.id == project_id  # reviews that had the new name before can be read now
            connection.execute(projects.update().where(is_project).values(synced_until=None))
        return changed[-1]

    def retire(self, project_id: int, name: str, *, is_retired: bool = True) -> ObjectClass:
        """Leave the boxes of a class out of all later snapshots, or take them in again."""
        with self._engine.begin() as connection:
            known = _read_book(connection, project_id).get(name)
            is_class = sa.and_(classes.c.project_id == project_id, classes.c.class_id == known.id)
            connection.execute(classes.update().where(is_class).values(is_retired=is_retired))
        return known


def append(connection: sa.Connection, project_id: int, labels: Iterable[str]) -> None:
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


def _write(connection: sa.Connection, project_id: int, changed: ObjectClass) -> None:
    is_class = sa.and_(classes.c.project_id == project_id, classes.c.class_id == changed.id)
    connection.execute(classes.update().where(is_class).values(name=changed.name, merged_into=changed.merged_into))
    is_former = sa.and_(former_names.c.project_id == project_id, former_names.c.class_id == changed.id)
    connection.execute(former_names.delete().where(is_former))
    for name in changed.former:
        connection.execute(former_names.insert().values(project_id=project_id, name=name, class_id=changed.id))
