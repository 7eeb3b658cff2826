"""What nothing has a name for: boxes, one an object, and their clusters from one discovery to the next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from loop.discovery.hints import Suggestion, is_dismissed
from loop.regions import Box

SAME_OBJECT = 0.5  # intersection over union from which on two boxes show the same object
SAME_CLUSTER = 0.5  # Jaccard index of their members from which on two clusters are the same


@dataclass(frozen=True, slots=True)
class Member:
    """
    One box that may belong to a cluster: a detection, or a reference whose label is in no node.

    *key* is its vector's, *crop* the place on the image, *label* what the detector or a reviewer called it.
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
class UnknownCluster:
    """
    One cluster of the unknown: its *members*, the medoid first and the others by their nearness to it.

    *likely* are boxes that are in no cluster and near this one. *persistence* and *stability* are as in `clustering`.
    """

    id: str
    members: tuple[Member, ...]
    likely: tuple[Member, ...]
    persistence: float | None
    stability: float
    suggestion: Suggestion

    @property
    def size(self) -> int:
        """How many members it has."""
        return len(self.members)

    @property
    def tasks(self) -> list[int]:
        """The tasks of the members, then those of the likely ones, each once, the nearest to the medoid first."""
        return list(dict.fromkeys(one.task for one in (*self.members, *self.likely)))


@dataclass(frozen=True, slots=True)
class Decided:
    """Clusters that a person decided on or may decide on, by id."""

    open: Mapping[str, Sequence[Member]]
    dismissed: Mapping[str, Sequence[Member]]
    promoted: Mapping[str, Sequence[Member]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What of a discovery is shown, and what it found more of for clusters that were dismissed, by their ids."""

    shown: tuple[UnknownCluster, ...]
    dismissed: Mapping[str, tuple[Member, ...]]


class Places:
    """Boxes by task, to find again what they show: another version moves them a little, and has other keys."""

    def __init__(self, clusters: Mapping[str, Iterable[Member]]) -> None:
        self._by_task: dict[tuple[int, str], list[tuple[Member, str]]] = {}
        for name, members in clusters.items():
            for one in members:
                self._by_task.setdefault((one.task, one.image), []).append((one, name))

    def find(self, member: Member) -> tuple[Member, str] | None:
        """The box that shows the same object, with its cluster; None where there is none."""
        there = self._by_task.get((member.task, member.image), ())
        overlaps = [(one[0].box.iou(member.box), at) for at, one in enumerate(there)]
        best, at = max(overlaps, default=(0.0, 0))
        return there[at] if best >= SAME_OBJECT else None


def one_each(found: Iterable[Member], known: Mapping[int, Sequence[Box]]) -> list[Member]:
    """
    Keep one box an object, the surest, and none of an object that a *known* box of its task shows.

    They come back surest first, of equals by key: the same boxes in any order give the same.
    """
    taken = {task: list(boxes) for task, boxes in known.items()}
    kept = []
    for one in sorted(found, key=lambda member: (-member.score, member.key)):
        boxes = taken.setdefault(one.task, [])
        if all(one.box.iou(other) < SAME_OBJECT for other in boxes):
            boxes.append(one.box)
            kept.append(one)
    return kept


def outcome(found: Sequence[UnknownCluster], decided: Decided) -> Outcome:
    """
    What of the clusters *found* a person is shown.

    Not what was dismissed or promoted before, most of its members being there by task and place. What was open before
    keeps its id, although it may have gained or lost a few members.
    """
    dismissed, promoted, known = (Places(one) for one in (decided.dismissed, decided.promoted, decided.open))
    shown, more = [], dict[str, tuple[Member, ...]]()
    taken = {*decided.dismissed, *decided.promoted}
    for one in found:
        if _is_among(one, promoted):
            continue
        if _is_among(one, dismissed):
            name = _most_shared(one, dismissed)[0]
            new = tuple(member for member in one.members if dismissed.find(member) is None)
            more[name] = (*more.get(name, ()), *new)
            continue
        name = _same(one, known, decided.open)
        kept = replace(one, id=name) if name and name not in taken else one
        if kept.id not in taken:
            taken.add(kept.id)
            shown.append(kept)
    return Outcome(tuple(shown), more)


def _is_among(cluster: UnknownCluster, places: Places) -> bool:
    """Whether its members are mostly boxes of those clusters, taken together."""
    found = [places.find(one) for one in cluster.members]
    names = [at[0].key if at else one.key for one, at in zip(cluster.members, found, strict=True)]
    return is_dismissed(names, [frozenset(at[0].key for at in found if at)])


def _most_shared(cluster: UnknownCluster, places: Places) -> tuple[str, int]:
    """The cluster of *places* that most members are in, and how many are; empty where none is."""
    shared = Counter(at[1] for at in map(places.find, cluster.members) if at)
    return max(shared.items(), key=lambda one: (one[1], one[0]), default=("", 0))


def _same(cluster: UnknownCluster, places: Places, clusters: Mapping[str, Sequence[Member]]) -> str:
    """The id of the same cluster as it was before; empty where it is another."""
    name, shared = _most_shared(cluster, places)
    if not name:
        return ""
    union = cluster.size + len(clusters[name]) - shared
    return name if shared >= SAME_CLUSTER * union else ""
