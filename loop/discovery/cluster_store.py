"""Stores the clusters of the unknown: those of the last discovery, and those that a person decided on."""

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
from loop.storage.queries import chunked
from loop.storage.taxonomy_tables import clusters, named_boxes


class ClusterState(StrEnum):
    """The decision of a person about a cluster."""

    OPEN = "open"  # undecided; the next discovery replaces it
    PROMOTED = "promoted"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class KeptCluster:
    """One cluster in the records; *name*, *parent* and *node* are those it was promoted to."""

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
        """The clusters of a project, optionally in one state: open clusters first, then by size, largest first."""
        query = sa.select(clusters).where(clusters.c.project_id == project_id)
        if state is not None:
            query = query.where(clusters.c.state == state)
        with self._engine.connect() as connection:
            stored = [_read(row) for row in connection.execute(query)]
        return sorted(stored, key=lambda one: (one.state != ClusterState.OPEN, -one.found.size, one.found.id))

    def find(self, project_id: int, prefix: str) -> KeptCluster:
        """The one cluster whose id begins with *prefix*. Raises UnknownClusterId."""
        all_clusters = self.all(project_id)
        matches = [one for one in all_clusters if prefix and one.found.id.startswith(prefix)]
        if len(matches) != 1:
            choices = matches or [one for one in all_clusters if one.state == ClusterState.OPEN]
            raise UnknownClusterId(prefix, [one.found.id for one in choices], is_ambiguous=len(matches) > 1)
        return matches[0]

    def decided(self, project_id: int) -> Decided:
        """The members of all clusters, by state and id."""
        by_state: dict[ClusterState, dict[str, tuple[Member, ...]]] = {state: {} for state in ClusterState}
        for stored in self.all(project_id):
            by_state[stored.state][stored.found.id] = stored.found.members
        return Decided(
            *(by_state[state] for state in (ClusterState.OPEN, ClusterState.DISMISSED, ClusterState.PROMOTED))
        )

    def replace(
        self, project_id: int, found: Sequence[UnknownCluster], dismissed: Mapping[str, Sequence[Member]]
    ) -> None:
        """Replace the open clusters by those found, and add members to *dismissed* clusters."""
        now = datetime.now(UTC)
        of_project = clusters.c.project_id == project_id
        with self._engine.begin() as connection:
            connection.execute(clusters.delete().where(of_project, clusters.c.state == ClusterState.OPEN))
            decided = set(connection.scalars(sa.select(clusters.c.id).where(of_project)))
            rows = [_row(project_id, one, now) for one in found if one.id not in decided]
            if rows:
                connection.execute(clusters.insert(), rows)
            for name, more in dismissed.items():
                is_cluster = sa.and_(of_project, clusters.c.id == name)
                known = connection.scalar(sa.select(clusters.c.members).where(is_cluster)) or []
                members = [*known, *(_write(one) for one in more)]
                connection.execute(clusters.update().where(is_cluster).values(members=members))

    def dismiss(self, project_id: int, cluster_id: str) -> None:
        """Dismiss a cluster for good. Raises ClusterDecided if it is no longer open."""
        self._decide(project_id, cluster_id, state=ClusterState.DISMISSED, decided_at=datetime.now(UTC))

    def promote(self, project_id: int, kept: KeptCluster, label: str, moment: datetime) -> None:
        """
        Record the promotion of a cluster, with its members as boxes of a *label* since *moment*; all or nothing.

        Boxes that have a name already keep it. Raises ClusterDecided if the cluster is no longer open.
        """
        values = {"decided_at": moment, "name": kept.name, "parent": kept.parent, "node": kept.node}
        facts = {"project_id": project_id, "label": label, "cluster": kept.found.id, "named_at": moment}
        with self._engine.begin() as connection:
            if not _decide(connection, project_id, kept.found.id, state=ClusterState.PROMOTED, **values):
                raise ClusterDecided(kept.found.id)
            named = _named_boxes(connection, project_id, {member.task for member in kept.found.members})
            new = {(member.task, member.crop): member for member in kept.found.members}
            rows = [{**facts, **_box_row(member)} for at, member in new.items() if at not in named]
            if rows:
                connection.execute(named_boxes.insert(), rows)

    def promoted_to(self, project_id: int, node: str) -> list[KeptCluster]:
        """The clusters promoted to a node."""
        return [one for one in self.all(project_id, ClusterState.PROMOTED) if one.node == node]

    def _decide(self, project_id: int, cluster_id: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            if not _decide(connection, project_id, cluster_id, **values):
                raise ClusterDecided(cluster_id)


def _decide(connection: sa.Connection, project_id: int, cluster_id: str, **values: Any) -> bool:
    """Decide on an open cluster; return False if it is no longer open."""
    is_cluster = (
        clusters.c.project_id == project_id,
        clusters.c.id == cluster_id,
        clusters.c.state == ClusterState.OPEN,
    )
    return connection.execute(clusters.update().where(*is_cluster).values(**values)).rowcount > 0


def _named_boxes(connection: sa.Connection, project_id: int, tasks: Iterable[int]) -> set[tuple[int, str]]:
    query = sa.select(named_boxes.c.task_id, named_boxes.c.crop).where(named_boxes.c.project_id == project_id)
    return {
        (row.task_id, row.crop)
        for batch in chunked(tasks)
        for row in connection.execute(query.where(named_boxes.c.task_id.in_(batch)))
    }


def _box_row(member: Member) -> dict[str, Any]:
    box = [member.box.x0, member.box.y0, member.box.x1, member.box.y1]
    return {"task_id": member.task, "crop": member.crop, "image": member.image, "box": box, "region": member.region}


def _row(project_id: int, cluster: UnknownCluster, now: datetime) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "id": cluster.id,
        "state": ClusterState.OPEN,
        "facts": {"persistence": cluster.persistence, "stability": cluster.stability, **asdict(cluster.suggestion)},
        "members": [_write(member) for member in cluster.members],
        "likely": [_write(member) for member in cluster.likely],
        "found_at": now,
    }


def _read(row: sa.Row[Any]) -> KeptCluster:
    facts = dict(row.facts)
    persistence, stability = facts.pop("persistence"), facts.pop("stability")
    members, likely = (tuple(_member(content) for content in contents) for contents in (row.members, row.likely))
    cluster = UnknownCluster(row.id, members, likely, persistence, stability, Suggestion(**facts))
    state = ClusterState(row.state)
    return KeptCluster(cluster, state, row.found_at, row.decided_at, row.name or "", row.parent, row.node or "")


def _write(member: Member) -> dict[str, Any]:
    return asdict(member)


def _member(content: Mapping[str, Any]) -> Member:
    box = content["box"]
    return Member(**{**content, "box": Box(box["x0"], box["y0"], box["x1"], box["y1"])})
