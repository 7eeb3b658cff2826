"""The classes of every project in the records; an id, once given, never moves."""

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
        """All classes of a project."""
        with self._engine.connect() as connection:
            return _book(connection, project_id)

    def rename(self, project_id: int, old: str, new: str) -> ObjectClass:
        """Call a class *new*, or merge it into the one of that name; return what it is now."""
        with self._engine.begin() as connection:
            changed = _book(connection, project_id).rename(old, new)
            for one in changed:
                _write(connection, project_id, one)
            is_its = projects.c.id == project_id  # reviews that had the new name before can be read now
            connection.execute(projects.update().where(is_its).values(synced_until=None))
        return changed[-1]

    def retire(self, project_id: int, name: str, *, is_retired: bool = True) -> ObjectClass:
        """Leave the boxes of a class out of all snapshots to come, or take them in again."""
        with self._engine.begin() as connection:
            one = _book(connection, project_id).get(name)
            is_it = sa.and_(classes.c.project_id == project_id, classes.c.class_id == one.id)
            connection.execute(classes.update().where(is_it).values(is_retired=is_retired))
        return one


def append(connection: sa.Connection, project_id: int, labels: Iterable[str]) -> None:
    """Give an id to each label that no class has or had."""
    known = _book(connection, project_id).classes
    taken = {name for one in known for name in (one.name, *one.former)}
    new = [label for label in dict.fromkeys(labels) if label not in taken]
    for class_id, name in enumerate(new, start=len(known)):
        connection.execute(classes.insert().values(project_id=project_id, class_id=class_id, name=name))


def _book(connection: sa.Connection, project_id: int) -> ClassBook:
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


def _write(connection: sa.Connection, project_id: int, one: ObjectClass) -> None:
    is_it = sa.and_(classes.c.project_id == project_id, classes.c.class_id == one.id)
    connection.execute(classes.update().where(is_it).values(name=one.name, merged_into=one.merged_into))
    is_its = sa.and_(former_names.c.project_id == project_id, former_names.c.class_id == one.id)
    connection.execute(former_names.delete().where(is_its))
    for name in one.former:
        connection.execute(former_names.insert().values(project_id=project_id, name=name, class_id=one.id))
