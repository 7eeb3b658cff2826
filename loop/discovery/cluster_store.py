"""Stores the clusters of the unknown: of the last discovery, and all clusters that a person decided on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.discovery.tracking import ClusterMembers, Member, NameHint, UnknownCluster
from loop.errors import ClusterDecided, NoSuchCluster
from loop.regions import Box
from loop.storage.actor import who_acts
from loop.storage.queries import chunked
from loop.storage.taxonomy_tables import clusters, named_boxes

MOST_NAMED = 20  # clusters in an error message


class ClusterState(StrEnum):
    """The decision of a person about a cluster."""

    OPEN = "open"  # undecided; the next discovery replaces it
    PROMOTED = "promoted"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """One cluster in the records; *name*, *parent* and *node* name the category that it was promoted to."""

    cluster: UnknownCluster
    state: ClusterState
    found_at: datetime
    decided_at: datetime | None = None
    name: str = ""
    parent: str | None = None
    node: str = ""


class ClusterStore:
    """The clusters in the records, and the boxes that got a name with them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self, project_id: int, state: ClusterState | None = None) -> list[ClusterRecord]:
        """Return the clusters of a project, optionally in one state: open clusters first, then the largest."""
        query = sa.select(clusters).where(clusters.c.project_id == project_id)
        if state is not None:
            query = query.where(clusters.c.state == state)
        with self._engine.connect() as connection:
            records = [_read(row) for row in connection.execute(query)]
        return sorted(records, key=lambda row: (row.state != ClusterState.OPEN, -row.cluster.size, row.cluster.id))

    def find(self, project_id: int, prefix: str) -> ClusterRecord:
        """Return the only cluster whose id begins with *prefix*. Raises NoSuchCluster."""
        records = self.all(project_id)
        matches = [record for record in records if prefix and record.cluster.id.startswith(prefix)]
        if not matches:
            open_ids = [record.cluster.id for record in records if record.state == ClusterState.OPEN]
            raise NoSuchCluster(f"no cluster {prefix!r}; open: {', '.join(open_ids[:20]) or 'none'}")
        if len(matches) > 1:
            ids = ", ".join(record.cluster.id for record in matches[:MOST_NAMED])
            raise NoSuchCluster(f"{len(matches)} clusters begin with {prefix!r}; they are: {ids}")
        return matches[0]

    def members(self, project_id: int) -> ClusterMembers:
        """Return the members of all clusters, by state and id."""
        by_state: dict[ClusterState, dict[str, tuple[Member, ...]]] = {state: {} for state in ClusterState}
        for record in self.all(project_id):
            by_state[record.state][record.cluster.id] = record.cluster.members
        return ClusterMembers(
            *(by_state[state] for state in (ClusterState.OPEN, ClusterState.DISMISSED, ClusterState.PROMOTED))
        )

    def replace(
        self, project_id: int, new: Sequence[UnknownCluster], dismissed: Mapping[str, Sequence[Member]]
    ) -> None:
        """Replace the open clusters by *new* clusters, and add members to *dismissed* clusters."""
        now = datetime.now(UTC)
        of_project = clusters.c.project_id == project_id
        with self._engine.begin() as connection:
            connection.execute(clusters.delete().where(of_project, clusters.c.state == ClusterState.OPEN))
            decided = set(connection.scalars(sa.select(clusters.c.id).where(of_project)))
            rows = [_row(project_id, cluster, now) for cluster in new if cluster.id not in decided]
            if rows:
                connection.execute(clusters.insert(), rows)
            for name, more in dismissed.items():
                is_cluster = sa.and_(of_project, clusters.c.id == name)
                known = connection.scalar(sa.select(clusters.c.members).where(is_cluster)) or []
                members = [*known, *map(_write_member, more)]
                connection.execute(clusters.update().where(is_cluster).values(members=members))

    def dismiss(self, project_id: int, cluster_id: str) -> None:
        """Dismiss a cluster for good. Raises ClusterDecided if it is no longer open."""
        self._decide(project_id, cluster_id, state=ClusterState.DISMISSED, decided_at=datetime.now(UTC))

    def promote(self, project_id: int, record: ClusterRecord, label: str, moment: datetime) -> None:
        """
        Record the promotion of a cluster, and its members as boxes with a *label* since *moment*; all or nothing.

        A box that has a name already keeps it. Raises ClusterDecided if the cluster is no longer open.
        """
        cluster = record.cluster
        values = {"decided_at": moment, "name": record.name, "parent": record.parent, "node": record.node}
        facts = {"project_id": project_id, "label": label, "cluster": cluster.id, "named_at": moment}
        with self._engine.begin() as connection:
            if not _decide(connection, project_id, cluster.id, state=ClusterState.PROMOTED, **values):
                raise ClusterDecided(cluster.id)
            named = _read_named_boxes(connection, project_id, {member.task for member in cluster.members})
            new = {(member.task, member.crop): member for member in cluster.members}
            rows = [{**facts, **_box_row(member)} for at, member in new.items() if at not in named]
            if rows:
                connection.execute(named_boxes.insert(), rows)

    def find_promoted(self, project_id: int, node: str) -> list[ClusterRecord]:
        """Return the clusters promoted to a node."""
        return [record for record in self.all(project_id, ClusterState.PROMOTED) if record.node == node]

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
    change = clusters.update().where(*is_cluster).values(**values, decided_by=who_acts())
    return connection.execute(change).rowcount > 0


def _read_named_boxes(connection: sa.Connection, project_id: int, tasks: Iterable[int]) -> set[tuple[int, str]]:
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
        "facts": {"persistence": cluster.persistence, "stability": cluster.stability, **asdict(cluster.hint)},
        "members": [_write_member(member) for member in cluster.members],
        "likely": [_write_member(member) for member in cluster.likely],
        "found_at": now,
    }


def _read(row: sa.Row[Any]) -> ClusterRecord:
    facts = dict(row.facts)
    persistence, stability = facts.pop("persistence"), facts.pop("stability")
    members, likely = (tuple(_read_member(content) for content in contents) for contents in (row.members, row.likely))
    cluster = UnknownCluster(row.id, members, likely, persistence, stability, NameHint(**facts))
    state = ClusterState(row.state)
    return ClusterRecord(cluster, state, row.found_at, row.decided_at, row.name or "", row.parent, row.node or "")


def _write_member(member: Member) -> dict[str, Any]:
    return asdict(member)


def _read_member(content: Mapping[str, Any]) -> Member:
    box = content["box"]
    return Member(**{**content, "box": Box(box["x0"], box["y0"], box["x1"], box["y1"])})
