"""One cluster of the unknown with the decision of a person, and its row in the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from loop.discovery.tracking import Member, NameHint, UnknownCluster
from loop.regions import Box
from loop.vision.addresses import identify

if TYPE_CHECKING:
    from sqlalchemy import Row


class ClusterState(StrEnum):
    """The decision of a person about a cluster."""

    OPEN = "open"  # undecided; the next discovery replaces it
    PROMOTED = "promoted"
    UNDOING = "undoing"  # its promotion is being taken back; `undo` goes on after a kill
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """
    The label that a promotion gave to the members, and the parts that it adds for it.

    They are the label in the label config, the node, and the label of the node.
    """

    label: str
    adds_label: bool = False
    adds_node: bool = False
    adds_node_label: bool = False

    def join(self, other: GivenLabel) -> GivenLabel:
        """Return the same with the parts that another promotion to the node added."""
        names = ("adds_label", "adds_node", "adds_node_label")
        return GivenLabel(self.label, *(getattr(self, name) or getattr(other, name) for name in names))


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """
    One cluster in the records; *name*, *parent* and *node* name the category that it was promoted to.

    *given* is None for a cluster that was not promoted, and for one that an older version promoted.
    """

    cluster: UnknownCluster
    state: ClusterState
    found_at: datetime
    decided_at: datetime | None = None
    name: str = ""
    parent: str | None = None
    node: str = ""
    given: GivenLabel | None = None

    def describe_state(self) -> str:
        """Describe the decision on it in a few words."""
        if self.state == ClusterState.UNDOING:
            return f"promoted to {self.name}, undone in part"
        return f"{self.state} to {self.name}" if self.state == ClusterState.PROMOTED else str(self.state)


def write_facts(cluster: UnknownCluster, given: GivenLabel | None = None) -> dict[str, Any]:
    """Write the facts of a cluster as JSON."""
    facts = {"persistence": cluster.persistence, "stability": cluster.stability, **asdict(cluster.hint)}
    return {**facts, "given": asdict(given)} if given else facts


def read_cluster(row: Row[Any]) -> ClusterRecord:
    """Return the cluster of a row."""
    facts = dict(row.facts)
    given = facts.pop("given", None)
    persistence, stability = facts.pop("persistence"), facts.pop("stability")
    members, likely = (tuple(_read_member(content) for content in contents) for contents in (row.members, row.likely))
    cluster = UnknownCluster(row.id, members, likely, persistence, stability, NameHint(**facts))
    state = ClusterState(row.state)
    category = (row.name or "", row.parent, row.node or "", GivenLabel(**given) if given else None)
    return ClusterRecord(cluster, state, row.found_at, row.decided_at, *category)


def write_member(member: Member) -> dict[str, Any]:
    """Write a member as JSON."""
    return asdict(member)


def _read_member(content: Mapping[str, Any]) -> Member:
    box = content["box"]
    place = {"image": identify(content["image"]), "box": Box(box["x0"], box["y0"], box["x1"], box["y1"])}
    return Member(**{**content, **place})
