"""Stores the clusters of the unknown: of the last discovery, and all clusters that a person decided on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.discovery.cluster_record import (
    ClusterRecord,
    ClusterState,
    GivenLabel,
    read_cluster,
    write_facts,
    write_member,
)
from loop.discovery.tracking import ClusterMembers, Member, UnknownCluster
from loop.errors import ClusterDecided, NoSuchCluster
from loop.label_studio.projects import ClassStore
from loop.storage.actor import who_acts
from loop.storage.changes import ChangeKind, changes, record_change
from loop.storage.queries import begin_alone, chunked
from loop.storage.taxonomy_tables import clusters, named_boxes

MOST_NAMED = 20  # clusters in an error message


class ClusterStore:
    """The clusters in the records, and the boxes that got a name with them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._classes = engine, ClassStore(engine)

    def all(self, project_id: int, state: ClusterState | None = None) -> list[ClusterRecord]:
        """Return the clusters of a project, optionally in one state: open clusters first, then the largest."""
        query = _select(project_id)
        if state is not None:
            query = query.where(clusters.c.state == state)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        names = self._classes.current_names(project_id)
        records = [_name_today(read_cluster(row), names) for row in rows]
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
            state = ClusterState.PROMOTED if record.state == ClusterState.UNDOING else record.state
            by_state[state][record.cluster.id] = record.cluster.members
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
                members = [*known, *map(write_member, more)]
                connection.execute(clusters.update().where(is_cluster).values(members=members))

    def dismiss(self, project_id: int, cluster_id: str) -> None:
        """Dismiss a cluster for good. Raises ClusterDecided if it is no longer open."""
        self._decide(project_id, cluster_id, state=ClusterState.DISMISSED, decided_at=datetime.now(UTC))

    def promote(
        self, project_id: int, record: ClusterRecord, given: GivenLabel, moment: datetime, members: Sequence[Member]
    ) -> None:
        """
        Record the promotion of a cluster, and *members* as boxes with the label since *moment*; all or nothing.

        A box that has a name already keeps it. Raises ClusterDecided if the cluster is no longer open.
        """
        cluster = record.cluster
        values = {"decided_at": moment, "name": record.name, "parent": record.parent, "node": record.node}
        values["facts"] = write_facts(cluster, given)
        facts = {"project_id": project_id, "label": given.label, "cluster": cluster.id, "named_at": moment}
        with self._engine.begin() as connection:
            if not _decide(connection, project_id, cluster.id, state=ClusterState.PROMOTED, **values):
                raise ClusterDecided(cluster.id)
            named = _read_named_boxes(connection, project_id, {member.task for member in members})
            new = {(member.task, member.crop): member for member in members}
            rows = [{**facts, **_box_row(member)} for at, member in new.items() if at not in named]
            if rows:
                connection.execute(named_boxes.insert(), rows)

    def begin_undo(self, project_id: int, cluster_id: str, why: str) -> ClusterRecord:
        """
        Take the names of a promoted cluster's boxes back, and return the cluster as it stands then; all or nothing.

        A second call changes nothing. The parts that its promotion added pass to another cluster of the same node, if
        there is one. Raises NoSuchCluster.
        """
        with begin_alone(self._engine, project_id) as connection:
            record = _read_one(connection, project_id, cluster_id)
            if record.state == ClusterState.PROMOTED:
                _reopen(connection, project_id, cluster_id, ClusterState.UNDOING, why)
                is_of = (named_boxes.c.project_id == project_id, named_boxes.c.cluster == cluster_id)
                connection.execute(named_boxes.delete().where(*is_of))
            is_heir = (clusters.c.state == ClusterState.PROMOTED, clusters.c.node == record.node)
            heir = connection.execute(_select(project_id).where(*is_heir).limit(1)).first()
            if heir is not None and record.given:
                own = read_cluster(heir)
                _set_given(connection, project_id, own, (own.given or record.given).join(record.given))
                _set_given(connection, project_id, record, GivenLabel(record.given.label))
            return _read_one(connection, project_id, cluster_id)

    def finish_undo(self, project_id: int, record: ClusterRecord) -> None:
        """Open a cluster whose promotion was taken back."""
        is_undone = (_is_cluster(project_id, record.cluster.id), clusters.c.state == ClusterState.UNDOING)
        values = {"state": ClusterState.OPEN, "facts": write_facts(record.cluster)}
        with self._engine.begin() as connection:
            connection.execute(clusters.update().where(*is_undone).values(name=None, parent=None, node=None, **values))

    def reopen(self, project_id: int, cluster_id: str, why: str) -> None:
        """Open a dismissed cluster. Raises NoSuchCluster, and ClusterDecided if it is not dismissed any more."""
        with begin_alone(self._engine, project_id) as connection:
            if _read_one(connection, project_id, cluster_id).state != ClusterState.DISMISSED:
                raise ClusterDecided(cluster_id, "is not dismissed any more")
            _reopen(connection, project_id, cluster_id, ClusterState.OPEN, why)

    def find_promoted(self, project_id: int, node: str) -> list[ClusterRecord]:
        """Return the clusters promoted to a node."""
        return [record for record in self.all(project_id, ClusterState.PROMOTED) if record.node == node]

    def _decide(self, project_id: int, cluster_id: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            if not _decide(connection, project_id, cluster_id, **values):
                raise ClusterDecided(cluster_id)


def _name_today(record: ClusterRecord, names: Mapping[str, str]) -> ClusterRecord:
    """Return a record that suggests the current name of a class."""
    hint = replace(record.cluster.hint, name=names.get(record.cluster.hint.name, record.cluster.hint.name))
    return replace(record, cluster=replace(record.cluster, hint=hint))


def _decide(connection: sa.Connection, project_id: int, cluster_id: str, **values: Any) -> bool:
    """Decide on an open cluster; return False if it is no longer open."""
    is_open = (_is_cluster(project_id, cluster_id), clusters.c.state == ClusterState.OPEN)
    change = clusters.update().where(*is_open).values(**values, decided_by=who_acts())
    return connection.execute(change).rowcount > 0


def _reopen(connection: sa.Connection, project_id: int, cluster_id: str, state: ClusterState, why: str) -> None:
    """Take a decision back; the trail keeps the decision beside its undo."""
    record = _read_one(connection, project_id, cluster_id)
    row = connection.execute(_select(project_id).where(clusters.c.id == cluster_id)).one()
    facts = {"project_id": project_id, "kind": ChangeKind.CLUSTER, "before": cluster_id, "why": ""}
    decision = {"after": record.describe_state(), "who": row.decided_by or "", "changed_at": row.decided_at}
    connection.execute(changes.insert().values(**facts, **decision))
    before = f"{cluster_id}, {record.describe_state()}"
    record_change(connection, project_id, ChangeKind.CLUSTER, before, "open", why)
    values = {"state": state, "decided_at": None, "decided_by": None}
    connection.execute(clusters.update().where(_is_cluster(project_id, cluster_id)).values(values))


def _set_given(connection: sa.Connection, project_id: int, record: ClusterRecord, given: GivenLabel) -> None:
    change = clusters.update().where(_is_cluster(project_id, record.cluster.id))
    connection.execute(change.values(facts=write_facts(record.cluster, given)))


def _select(project_id: int) -> sa.Select[Any]:
    return sa.select(clusters).where(clusters.c.project_id == project_id)


def _is_cluster(project_id: int, cluster_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(clusters.c.project_id == project_id, clusters.c.id == cluster_id)


def _read_one(connection: sa.Connection, project_id: int, cluster_id: str) -> ClusterRecord:
    row = connection.execute(_select(project_id).where(clusters.c.id == cluster_id)).one_or_none()
    if row is None:
        raise NoSuchCluster(f"no cluster {cluster_id!r} any more: a discovery has replaced it")
    return read_cluster(row)


def _read_named_boxes(connection: sa.Connection, project_id: int, tasks: Iterable[int]) -> set[tuple[int, str]]:
    query = sa.select(named_boxes.c.task_id, named_boxes.c.crop).where(named_boxes.c.project_id == project_id)
    return {
        (row.task_id, row.crop)
        for batch in chunked(tasks)
        for row in connection.execute(query.where(named_boxes.c.task_id.in_(batch)))
    }


def _box_row(member: Member) -> dict[str, Any]:
    box = list(member.box.sides)
    return {"task_id": member.task, "crop": member.crop, "image": member.image, "box": box, "region": member.region}


def _row(project_id: int, cluster: UnknownCluster, now: datetime) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "id": cluster.id,
        "state": ClusterState.OPEN,
        "facts": write_facts(cluster),
        "members": [write_member(member) for member in cluster.members],
        "likely": [write_member(member) for member in cluster.likely],
        "found_at": now,
    }
