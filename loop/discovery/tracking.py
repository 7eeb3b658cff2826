"""Tracks unknown boxes, one per object, and their clusters from one discovery to the next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from loop.regions import SAME_OBJECT, Box

SAME_CLUSTER = 0.5  # least Jaccard index of the members of two clusters that are the same


@dataclass(frozen=True, slots=True)
class Member:
    """
    One box that may belong to a cluster: a detection, or a reference whose label is in no node.

    *key* is the key of its vector, *crop* its place on the image, *label* the label of a detector or a reviewer.
    """

    key: str
    crop: str
    task: int
    image: str
    box: Box
    region: str
    label: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class NameHint:
    """
    A hint for a person who names a cluster.

    *nearest* is the node whose references' mean is nearest to the cluster's mean, None without references; *likeness*
    is the cosine of the two. *name* is the most frequent label of the members, empty without labels; *agreement* is its
    share.
    """

    nearest: str | None
    likeness: float
    name: str
    agreement: float


@dataclass(frozen=True, slots=True)
class UnknownCluster:
    """
    One cluster of the unknown: its *members*, the medoid first, then nearest first.

    *likely* are boxes in no cluster that are near this one. *persistence* and *stability* are those of `VectorCluster`.
    """

    id: str
    members: tuple[Member, ...]
    likely: tuple[Member, ...]
    persistence: float | None
    stability: float
    hint: NameHint

    @property
    def size(self) -> int:
        """The number of members."""
        return len(self.members)

    @property
    def tasks(self) -> list[int]:
        """The tasks of the members, then of the likely members, each once, nearest to the medoid first."""
        return list(dict.fromkeys(member.task for member in (*self.members, *self.likely)))


@dataclass(frozen=True, slots=True)
class ClusterMembers:
    """The members of all clusters before a discovery, by state and id."""

    open: Mapping[str, Sequence[Member]]
    dismissed: Mapping[str, Sequence[Member]]
    promoted: Mapping[str, Sequence[Member]]


@dataclass(frozen=True, slots=True)
class TrackedClusters:
    """The clusters *shown* after a discovery, and the new members of *dismissed* clusters, by id."""

    shown: tuple[UnknownCluster, ...]
    dismissed: Mapping[str, tuple[Member, ...]]


class Places:
    """Boxes by task, to find the same object again: boxes of another version are moved a little and have other keys."""

    def __init__(self, clusters: Mapping[str, Iterable[Member]]) -> None:
        self._by_task: dict[tuple[int, str], list[tuple[Member, str]]] = {}
        for name, members in clusters.items():
            for member in members:
                self._by_task.setdefault((member.task, member.image), []).append((member, name))

    def find(self, member: Member) -> tuple[Member, str] | None:
        """Return the box that shows the same object, with its cluster; None if no box does."""
        candidates = self._by_task.get((member.task, member.image), ())
        overlaps = [(candidate[0].box.iou(member.box), at) for at, candidate in enumerate(candidates)]
        best, at = max(overlaps, default=(0.0, 0))
        return candidates[at] if best >= SAME_OBJECT else None


def keep_one_per_object(members: Iterable[Member], known: Mapping[int, Sequence[Box]]) -> list[Member]:
    """
    Return the box with the highest score of each object, without objects that a *known* box of their task shows.

    The boxes are sorted by score, highest first, then by key; the order of *members* does not matter.
    """
    taken = {task: list(boxes) for task, boxes in known.items()}
    unique = []
    for member in sorted(members, key=lambda member: (-member.score, member.key)):
        boxes = taken.setdefault(member.task, [])
        if all(member.box.iou(other) < SAME_OBJECT for other in boxes):
            boxes.append(member.box)
            unique.append(member)
    return unique


def track(clusters: Sequence[UnknownCluster], before: ClusterMembers) -> TrackedClusters:
    """
    Select the new *clusters* that a person is shown.

    A cluster that mostly consists of dismissed or promoted members, by task and place, is left out. A cluster that was
    open *before* keeps its id, even if it gained or lost a few members.
    """
    dismissed, promoted, open_places = (Places(members) for members in (before.dismissed, before.promoted, before.open))
    shown, more = [], dict[str, tuple[Member, ...]]()
    taken = {*before.dismissed, *before.promoted}
    for cluster in clusters:
        if _is_among(cluster, promoted):
            continue
        if _is_among(cluster, dismissed):
            name = _find_most_shared(cluster, dismissed)[0]
            new = tuple(member for member in cluster.members if dismissed.find(member) is None)
            more[name] = (*more.get(name, ()), *new)
            continue
        name = _find_same(cluster, open_places, before.open)
        tracked = replace(cluster, id=name) if name and name not in taken else cluster
        if tracked.id not in taken:
            taken.add(tracked.id)
            shown.append(tracked)
    return TrackedClusters(tuple(shown), more)


def is_dismissed(members: Sequence[str], dismissed: Sequence[frozenset[str]], overlap: float = 0.5) -> bool:
    """
    Return whether a cluster with these *members*' keys was dismissed before.

    That is the case if one *dismissed* cluster has at least the share *overlap* of its members.
    """
    own = frozenset(members)
    return any(len(own & other) >= overlap * len(own) for other in dismissed) if own else False


def _is_among(cluster: UnknownCluster, places: Places) -> bool:
    """Return whether most members are boxes of the clusters of *places*, taken together."""
    matches = [places.find(member) for member in cluster.members]
    names = [match[0].key if match else member.key for member, match in zip(cluster.members, matches, strict=True)]
    return is_dismissed(names, [frozenset(match[0].key for match in matches if match)])


def _find_most_shared(cluster: UnknownCluster, places: Places) -> tuple[str, int]:
    """Return the cluster of *places* with most of the members, and their number; empty if no member is in one."""
    shared = Counter(match[1] for match in map(places.find, cluster.members) if match)
    return max(shared.items(), key=lambda item: (item[1], item[0]), default=("", 0))


def _find_same(cluster: UnknownCluster, places: Places, clusters: Mapping[str, Sequence[Member]]) -> str:
    """Return the id of the same cluster before; empty for a new cluster."""
    name, shared = _find_most_shared(cluster, places)
    if not name:
        return ""
    union = cluster.size + len(clusters[name]) - shared
    return name if shared >= SAME_CLUSTER * union else ""
