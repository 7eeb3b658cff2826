"""Stores the match of each detection, and the re-applications with their undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from loop.errors import StalePlan
from loop.references.entries import CollectionKind
from loop.references.vector_store import VectorState
from loop.storage.queries import chunked
from loop.storage.taxonomy_tables import matches, reapplications
from loop.storage.vector_tables import vectors
from loop.taxonomy.reapply_plan import MatchChange, ReapplyPlan, invert
from loop.vision.embedding import Space

if TYPE_CHECKING:
    from loop.taxonomy.voting import Match


@dataclass(frozen=True, slots=True)
class Reapplication:
    """One re-application; *undo* is the inverse plan."""

    id: int
    token: str
    taxonomy: str
    undo: ReapplyPlan
    applied_at: datetime


class MatchStore:
    """The matches in the records; the vectors of their detections are in the table `vectors`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of_keys(self, project_id: int, space: Space, keys: Iterable[str]) -> dict[str, Match]:
        """Return the recorded matches of detections."""
        matches_by_key: dict[str, Match] = {}
        with self._engine.connect() as connection:
            for batch in chunked(set(keys)):
                matches_by_key |= _read_all(connection, project_id, space, matches.c.detection.in_(batch))
        return matches_by_key

    def find_unmatched(self, project_id: int, space: Space, most: int | None = None) -> dict[str, int]:
        """Return detections with a vector and without a match, each with its task."""
        query = _select_unmatched(project_id, space).with_only_columns(vectors.c.key, vectors.c.task_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(vectors.c.task_id).limit(most))
            return {row.key: row.task_id for row in rows}

    def is_due(self, project_id: int, space: Space, quiet: timedelta, most: timedelta) -> bool:
        """
        Return whether matches wait to be shown, or detections wait for a match and no vector came for *quiet*.

        A detection waits for newer vectors at most for *most*.
        """
        if self.find_unshown(project_id, space, 1):
            return True
        made = sa.func.min(vectors.c.made_at), sa.func.max(vectors.c.made_at)
        with self._engine.connect() as connection:
            first, last = connection.execute(_select_unmatched(project_id, space).with_only_columns(*made)).one()
        now = datetime.now(UTC)
        return first is not None and (now - last >= quiet or now - first >= most)

    def add(self, project_id: int, space: Space, new: Mapping[str, Match]) -> None:
        """Record the matches of detections that had none."""
        with self._engine.begin() as connection:
            _write(connection, project_id, space, new)

    def find_unshown(self, project_id: int, space: Space, most: int | None = None) -> dict[str, int]:
        """Return detections whose match Label Studio may not have yet, with their tasks."""
        query = sa.select(matches.c.detection, vectors.c.task_id).join(vectors, _same_detection())
        query = query.where(_is_of(project_id, space), sa.not_(matches.c.is_shown)).order_by(vectors.c.task_id)
        with self._engine.connect() as connection:
            return {row.detection: row.task_id for row in connection.execute(query.limit(most))}

    def mark_shown(self, project_id: int, space: Space, keys: Iterable[str]) -> None:
        """Record that Label Studio has the matches of detections."""
        with self._engine.begin() as connection:
            for batch in chunked(keys):
                conditions = (_is_of(project_id, space), matches.c.detection.in_(batch))
                connection.execute(matches.update().where(*conditions).values(is_shown=True))

    def show_again(self, project_id: int) -> None:
        """Mark all matches as not yet in Label Studio, after a change of the taxonomy."""
        with self._engine.begin() as connection:
            connection.execute(matches.update().where(matches.c.project_id == project_id).values(is_shown=False))

    def forget(self, project_id: int, fingerprint: str) -> None:
        """Delete the matches of an embedder's detections."""
        with self._engine.begin() as connection:
            for table in (matches, reapplications):
                conditions = (table.c.project_id == project_id, table.c.embedder == fingerprint)
                connection.execute(table.delete().where(*conditions))

    def follow(self, project_id: int, space: Space, plan: ReapplyPlan, taxonomy: str) -> None:
        """
        Follow a plan and record its inverse, in one transaction.

        Raises StalePlan if a match differs from the start of the plan.
        """
        row = {"project_id": project_id, "embedder": space.fingerprint, "taxonomy": taxonomy, "token": plan.token}
        undo = [asdict(change) for change in invert(plan).changes]
        with self._engine.begin() as connection:
            _move(connection, project_id, space, plan)
            connection.execute(reapplications.insert().values(**row, undo=undo, applied_at=datetime.now(UTC)))

    def undo(self, project_id: int, space: Space, last: Reapplication) -> None:
        """Undo a re-application, in one transaction. Raises StalePlan if a match was changed since."""
        condition = reapplications.c.id == last.id
        with self._engine.begin() as connection:
            _move(connection, project_id, space, last.undo)
            connection.execute(reapplications.update().where(condition).values(undone_at=datetime.now(UTC)))

    def last(self, project_id: int, space: Space) -> Reapplication | None:
        """Return the last re-application that was not undone."""
        with self._engine.connect() as connection:
            row = connection.execute(_select_last(project_id, space)).first()
        if row is None:
            return None
        undo = ReapplyPlan(tuple(_read_change(change) for change in row.undo), row.token)
        return Reapplication(row.id, row.token, row.taxonomy, undo, row.applied_at)

    def last_token(self, project_id: int, space: Space) -> str:
        """Return the token of the last re-application that was not undone, without its changes; empty without one."""
        query = _select_last(project_id, space).with_only_columns(reapplications.c.token)
        with self._engine.connect() as connection:
            return str(connection.scalar(query) or "")

    def count_by_node(self, project_id: int, space: Space) -> dict[str | None, int]:
        """Count the detections matched to each node; None is unknown."""
        query = sa.select(matches.c.node, sa.func.count()).join(vectors, _same_detection())
        query = query.where(_is_of(project_id, space)).group_by(matches.c.node)
        with self._engine.connect() as connection:
            return {node: int(count) for node, count in connection.execute(query)}


def _is_of(project_id: int, space: Space) -> sa.ColumnElement[bool]:
    return sa.and_(matches.c.project_id == project_id, matches.c.embedder == space.fingerprint)


def _select_last(project_id: int, space: Space) -> sa.Select[tuple[Any, ...]]:
    is_of = (reapplications.c.project_id == project_id, reapplications.c.embedder == space.fingerprint)
    query = sa.select(reapplications).where(*is_of, reapplications.c.undone_at.is_(None))
    return query.order_by(reapplications.c.id.desc()).limit(1)


def _same_detection() -> sa.ColumnElement[bool]:
    return sa.and_(
        matches.c.project_id == vectors.c.project_id,
        matches.c.embedder == vectors.c.embedder,
        matches.c.detection == vectors.c.key,
        vectors.c.kind == CollectionKind.DETECTIONS,
    )


def _select_unmatched(project_id: int, space: Space) -> sa.Select[tuple[Any, ...]]:
    has_match = sa.exists().where(_same_detection())
    is_of = (vectors.c.project_id == project_id, vectors.c.embedder == space.fingerprint)
    is_done = (vectors.c.kind == CollectionKind.DETECTIONS, vectors.c.state == VectorState.DONE)
    return sa.select(vectors.c.key).where(*is_of, *is_done, ~has_match)


def _move(connection: sa.Connection, project_id: int, space: Space, plan: ReapplyPlan) -> None:
    for batch in chunked(plan.changes):
        condition = matches.c.detection.in_([change.detection for change in batch])
        current = _read_all(connection, project_id, space, condition)
        moved = [change.detection for change in batch if current.get(change.detection) != change.before]
        if moved:
            raise StalePlan(f"{len(moved)} matches have changed since, such as of detection {moved[0]}: plan again")
        connection.execute(matches.delete().where(_is_of(project_id, space), condition))
        _write(connection, project_id, space, {change.detection: change.after for change in batch if change.after})


def _write(connection: sa.Connection, project_id: int, space: Space, new: Mapping[str, Match]) -> None:
    rows = [
        {
            "project_id": project_id,
            "embedder": space.fingerprint,
            "detection": key,
            "node": match.node,
            "score": match.score,
            "votes": [[vote.reference, vote.score] for vote in match.votes],
            "is_shown": False,
        }
        for key, match in new.items()
    ]
    for batch in chunked(rows):
        connection.execute(matches.insert(), batch)


def _read_all(
    connection: sa.Connection, project_id: int, space: Space, *conditions: sa.ColumnElement[bool]
) -> dict[str, Match]:
    from loop.taxonomy.voting import Match, Vote

    rows = connection.execute(sa.select(matches).where(_is_of(project_id, space), *conditions))
    return {row.detection: Match(row.node, row.score, tuple(Vote(*vote) for vote in row.votes)) for row in rows}


def _read_change(content: Mapping[str, Any]) -> MatchChange:
    before, after = (_read_match(content[side]) for side in ("before", "after"))
    return MatchChange(content["detection"], before, after)


def _read_match(content: Mapping[str, Any] | None) -> Match | None:
    from loop.taxonomy.voting import Match, Vote

    if content is None:
        return None
    return Match(content["node"], content["score"], tuple(Vote(**vote) for vote in content["votes"]))
