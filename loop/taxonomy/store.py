"""The log of each project's applied taxonomies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

import sqlalchemy as sa

from loop.label_studio.projects import ClassStore
from loop.storage.queries import begin_alone
from loop.storage.taxonomy_tables import taxonomies
from loop.taxonomy.editing.preview_store import PreviewStore
from loop.taxonomy.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class AppliedTaxonomy:
    """One applied taxonomy, with its *number* in the project, from 1."""

    number: int
    taxonomy: Taxonomy
    why: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class TaxonomyVersion:
    """One applied taxonomy without its content."""

    number: int
    version: str
    why: str
    who: str
    applied_at: datetime


class TaxonomyLog:
    """The taxonomies in the records; applied taxonomies are never removed."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._classes = ClassStore(engine)
        self.previews = PreviewStore(engine)

    def apply(self, project_id: int, taxonomy: Taxonomy, why: str) -> int | None:
        """Put a taxonomy in force and return its number; None if it is in force already."""
        from loop.taxonomy import taxonomy_yaml

        with begin_alone(self._engine, project_id) as connection:
            last = connection.execute(_of(project_id).limit(1)).first()
            if last is not None and last.version == taxonomy.version:
                return None
            number = last.number + 1 if last else 1
            row = {"project_id": project_id, "number": number, "version": taxonomy.version, "why": why}
            content = {"content": taxonomy_yaml.write(taxonomy), "applied_at": datetime.now(UTC)}
            connection.execute(taxonomies.insert().values(**row, **content))
        return number

    def current(self, project_id: int) -> Taxonomy | None:
        """Return the taxonomy in force, which knows all names of the classes; None before the first one."""
        with self._engine.connect() as connection:
            newest = connection.execute(_of(project_id).limit(1)).first()
        return _parse(newest.content, tuple(self._classes.synonyms(project_id).items())) if newest else None

    def name(self, project_id: int, taxonomy: Taxonomy) -> Taxonomy:
        """Return a taxonomy of a project that knows all names of the classes: records have the former names too."""
        return replace(taxonomy, synonyms=self._classes.synonyms(project_id))

    def all(self, project_id: int) -> list[AppliedTaxonomy]:
        """Return all taxonomies of a project, newest first."""
        return self._read(_of(project_id))

    def versions(self, project_id: int, most: int) -> list[TaxonomyVersion]:
        """Return at most *most* taxonomies of a project, newest first, without reading them."""
        columns = (taxonomies.c.number, taxonomies.c.version, taxonomies.c.why, taxonomies.c.who)
        query = _of(project_id).with_only_columns(*columns, taxonomies.c.applied_at).limit(most)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [TaxonomyVersion(row.number, row.version, row.why, row.who or "", row.applied_at) for row in rows]

    def _read(self, query: sa.Select[tuple[object, ...]]) -> list[AppliedTaxonomy]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [AppliedTaxonomy(row.number, _parse(row.content), row.why, row.applied_at) for row in rows]


@lru_cache(64)
def _parse(content: str, synonyms: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Taxonomy:
    """Read a taxonomy, cached: YAML takes milliseconds, and every request needs it."""
    from loop.taxonomy import taxonomy_yaml

    return replace(taxonomy_yaml.read(content), synonyms=dict(synonyms))


def _of(project_id: int) -> sa.Select[tuple[object, ...]]:
    of_project = sa.select(taxonomies).where(taxonomies.c.project_id == project_id)
    return of_project.order_by(taxonomies.c.number.desc())
