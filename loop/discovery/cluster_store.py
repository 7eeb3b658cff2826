"""The clusters of the unknown: those of the last discovery, and all that a person decided on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.discovery.hints import Suggestion
from loop.discovery.tracking import Decided, Member, UnknownCluster
from loop.errors import ClusterDecided, UnknownClusterId
from loop.regions import Box
from loop.storage.queries import chunks
from loop.storage.taxonomy_tables import clusters, named_boxes


class ClusterState(StrEnum):
    """What a person said about a cluster."""

    OPEN = "open"  # nothing yet; the next discovery replaces it
    PROMOTED = "promoted"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class KeptCluster:
    """One cluster in the records; *name*, *parent* and *node* are those it was promoted by."""

    found: UnknownCluster
    state: ClusterState
    found_at: datetime
    decided_at: datetime | None = None
    name: str = ""
    parent: str | None = None
    node: str = ""


class ClusterLog:
    """The clusters in the records, and the boxes that were named with them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self, project_id: int, state: ClusterState | None = None) -> list[KeptCluster]:
        """The clusters of a project, in one state or in any: those that are open first, the largest first."""
        query = sa.select(clusters).where(clusters.c.project_id == project_id)
        if state is not None:
            query = query.where(clusters.c.state == state)
        with self._engine.connect() as connection:
            found = [_read(row) for row in connection.execute(query)]
        return sorted(found, key=lambda one: (one.state != ClusterState.OPEN, -one.found.size, one.found.id))

    def find(self, project_id: int, prefix: str) -> KeptCluster:
        """The one cluster whose id begins with *prefix*. Raises UnknownClusterId."""
        every = self.all(project_id)
        found = [one for one in every if prefix and one.found.id.startswith(prefix)]
        if len(found) != 1:
            known = found or [one for one in every if one.state == ClusterState.OPEN]
            raise UnknownClusterId(prefix, [one.found.id for one in known], is_ambiguous=len(found) > 1)
        return found[0]

    def decided(self, project_id: int) -> Decided:
        """The members of all clusters, by state and id."""
        found: dict[ClusterState, dict[str, tuple[Member, ...]]] = {state: {} for state in ClusterState}
        for one in self.all(project_id):
            found[one.state][one.found.id] = one.found.members
        return Decided(*(found[state] for state in (ClusterState.OPEN, ClusterState.DISMISSED, ClusterState.PROMOTED)))

    def replace(
        self, project_id: int, found: Sequence[UnknownCluster], dismissed: Mapping[str, Sequence[Member]]
    ) -> None:
        """Put the clusters found in the place of the open ones, and add members to those that were *dismissed*."""
        now = datetime.now(UTC)
        of_project = clusters.c.project_id == project_id
        with self._engine.begin() as connection:
            connection.execute(clusters.delete().where(of_project, clusters.c.state == ClusterState.OPEN))
            decided = set(connection.scalars(sa.select(clusters.c.id).where(of_project)))
            rows = [_row(project_id, one, now) for one in found if one.id not in decided]
            if rows:
                connection.execute(clusters.insert(), rows)
            for name, more in dismissed.items():
                is_it = sa.and_(of_project, clusters.c.id == name)
                known = connection.scalar(sa.select(clusters.c.members).where(is_it)) or []
                members = [*known, *(_write(one) for one in more)]
                connection.execute(clusters.update().where(is_it).values(members=members))

    def dismiss(self, project_id: int, cluster_id: str) -> None:
        """Never show a cluster again. Raises ClusterDecided where it is not open any more."""
        self._decide(project_id, cluster_id, state=ClusterState.DISMISSED, decided_at=datetime.now(UTC))

    def promote(self, project_id: int, kept: KeptCluster, label: str, moment: datetime) -> None:
        """
        Record what a cluster became, with its members as boxes of a *label* since *moment*; all or nothing.

        Boxes that are named already stay as they are. Raises ClusterDecided where it is not open any more.
        """
        values = {"decided_at": moment, "name": kept.name, "parent": kept.parent, "node": kept.node}
        facts = {"project_id": project_id, "label": label, "cluster": kept.found.id, "named_at": moment}
        with self._engine.begin() as connection:
            if not _decide(connection, project_id, kept.found.id, state=ClusterState.PROMOTED, **values):
                raise ClusterDecided(kept.found.id)
            there = _named(connection, project_id, {one.task for one in kept.found.members})
            new = {(one.task, one.crop): one for one in kept.found.members}
            rows = [{**facts, **_box_row(one)} for at, one in new.items() if at not in there]
            if rows:
                connection.execute(named_boxes.insert(), rows)

    def promoted_to(self, project_id: int, node: str) -> list[KeptCluster]:
        """The clusters that became a node."""
        return [one for one in self.all(project_id, ClusterState.PROMOTED) if one.node == node]

    def _decide(self, project_id: int, cluster_id: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            if not _decide(connection, project_id, cluster_id, **values):
                raise ClusterDecided(cluster_id)


def _decide(connection: sa.Connection, project_id: int, cluster_id: str, **values: Any) -> bool:
    """Take an open cluster; whoever comes second finds it decided."""
    is_it = (clusters.c.project_id == project_id, clusters.c.id == cluster_id, clusters.c.state == ClusterState.OPEN)
    return connection.execute(clusters.update().where(*is_it).values(**values)).rowcount > 0


def _named(connection: sa.Connection, project_id: int, tasks: Iterable[int]) -> set[tuple[int, str]]:
    query = sa.select(named_boxes.c.task_id, named_boxes.c.crop).where(named_boxes.c.project_id == project_id)
    return {
        (row.task_id, row.crop)
        for some in chunks(tasks)
        for row in connection.execute(query.where(named_boxes.c.task_id.in_(some)))
    }


def _box_row(one: Member) -> dict[str, Any]:
    box = [one.box.x0, one.box.y0, one.box.x1, one.box.y1]
    return {"task_id": one.task, "crop": one.crop, "image": one.image, "box": box, "region": one.region}


def _row(project_id: int, one: UnknownCluster, now: datetime) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "id": one.id,
        "state": ClusterState.OPEN,
        "facts": {"persistence": one.persistence, "stability": one.stability, **asdict(one.suggestion)},
        "members": [_write(member) for member in one.members],
        "likely": [_write(member) for member in one.likely],
        "found_at": now,
    }


def _read(row: sa.Row[Any]) -> KeptCluster:
    facts = dict(row.facts)
    persistence, stability = facts.pop("persistence"), facts.pop("stability")
    members, likely = (tuple(_member(one) for one in some) for some in (row.members, row.likely))
    found = UnknownCluster(row.id, members, likely, persistence, stability, Suggestion(**facts))
    state = ClusterState(row.state)
    return KeptCluster(found, state, row.found_at, row.decided_at, row.name or "", row.parent, row.node or "")


def _write(one: Member) -> dict[str, Any]:
    return asdict(one)


def _member(kept: Mapping[str, Any]) -> Member:
    box = kept["box"]
    return Member(**{**kept, "box": Box(box["x0"], box["y0"], box["x1"], box["y1"])})
