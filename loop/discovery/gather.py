"""Gathers the unknown boxes of a project, with their stored vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from loop.discovery.hints import node_means
from loop.discovery.room import DiscoveryRoom
from loop.discovery.tracking import Member, keep_one_per_object
from loop.label_studio.classes import name_today
from loop.references.entries import CollectionKind
from loop.regions import SAME_OBJECT, Box, Region
from loop.storage.queries import chunked
from loop.taxonomy.editing.categories import begin_taxonomy
from loop.taxonomy.match import Matcher, matcher_of
from loop.taxonomy.taxonomy import Taxonomy
from loop.vision.embedding import Space, Vectors

MOST = 20_000  # boxes clustered, by highest score
READ = 10 * MOST  # boxes read; several boxes of one object count once
AT_ONCE = 2000  # vectors fetched at a time
MOST_REFERENCES = 5000  # that take part in the centre


@dataclass(frozen=True, eq=False)
class UnknownBoxes:
    """
    Boxes without a name, with their vectors, float32 (boxes, dimension).

    *left_out* counts the boxes left out for low scores, *matched* the boxes that would match a node now.
    """

    members: list[Member]
    vectors: Vectors
    left_out: int = 0
    matched: int = 0


@dataclass(frozen=True, eq=False)
class KnownReferences:
    """The mean direction of each node's references, and the vectors of some references."""

    means: dict[str, Vectors]
    vectors: Vectors | None


def gather(discovery: DiscoveryRoom, project_id: int, space: Space) -> UnknownBoxes:
    """
    Return the unknown boxes of a project, one per object, highest score first. Raises MilvusDown.

    They are detections, shown and held back, that match no node or have not been matched, and boxes that a reviewer
    drew with a label of no node. Left out are detections that a reviewer kept, or whose place was labelled by a counted
    review or by naming a cluster. Detections that would match a node now are left out too; only
    `loop taxonomy reapply` changes their match.
    """
    taxonomy = taxonomy_of(discovery, project_id)
    detections = discovery.unknown.find_detections(project_id, space, READ)
    missed = discovery.unknown.find_missed(project_id, space, taxonomy.node_of_label)
    tasks = {member.task for member in (*detections, *missed)}
    named = {
        task: [member.region.box for member in boxes]
        for task, boxes in discovery.references.task_states.read_named(project_id, tasks).items()
    }
    drawn = keep_one_per_object(missed, named)
    detected = keep_one_per_object(detections, _add_reviewed(discovery, project_id, tasks, named))
    members = [*drawn, *detected]
    vectors = {
        **_fetch_vectors(discovery, project_id, CollectionKind.REFERENCES, space, drawn),
        **_fetch_vectors(discovery, project_id, CollectionKind.DETECTIONS, space, members[len(drawn) : MOST]),
    }
    stored = [member for member in members if member.key in vectors]  # the index job restores missing vectors
    matched = _match_again(matcher_of(discovery.taxonomies, project_id, taxonomy), detected, vectors)
    unknown = _name_today(discovery, project_id, [member for member in stored if member.key not in matched])
    stacked = np.stack([vectors[member.key] for member in unknown]) if unknown else np.zeros((0, 0), np.float32)
    return UnknownBoxes(unknown, stacked, max(0, len(members) - MOST), len(matched))


def choose_unlabelled(discovery: DiscoveryRoom, project_id: int, members: Sequence[Member]) -> list[Member]:
    """
    Return the members of a cluster that are unknown still: a review may have labelled others since they were gathered.

    A detection is known where the latest review of its image has a labelled box, and a box that a reviewer drew where
    that has another label by now.
    """
    config = discovery.studio.projects.get(project_id).config()
    reviewed: dict[tuple[int, str | None], list[Region]] = {}
    for batch in chunked(sorted({member.task for member in members})):
        for task, latest in discovery.reviews.store.latest(project_id, batch).items():
            labelled = [region for region in latest.review.regions if region.label]
            reviewed[task, latest.image(config.image_key)] = labelled
    labels = {member.label for member in members} | {box.label for boxes in reviewed.values() for box in boxes}
    names = name_today(config, labels)

    def is_known(member: Member) -> bool:
        of_image = reviewed.get((member.task, member.image), ())
        there = (region for region in of_image if region.box.iou(member.box) >= SAME_OBJECT)
        return any(member.score or names[region.label] != names[member.label] for region in there)

    return [member for member in members if not is_known(member)]


def read_references(discovery: DiscoveryRoom, project_id: int, space: Space) -> KnownReferences:
    """Read the references of a project. Raises MilvusDown."""
    node_of = taxonomy_of(discovery, project_id).node_of_label
    sums: dict[str, Vectors] = {}
    pages: list[Vectors] = []
    collection = discovery.references.milvus.find(project_id, CollectionKind.REFERENCES, space)
    for entries, vectors in collection.pages() if collection else ():
        for entry, vector in zip(entries, vectors, strict=True):
            node = node_of.get(entry.label)
            if node:
                sums[node] = sums[node] + vector if node in sums else vector
        if sum(map(len, pages)) < MOST_REFERENCES:
            pages.append(vectors)
    means = node_means(np.stack(list(sums.values())), list(sums)) if sums else {}
    return KnownReferences(means, np.concatenate(pages)[:MOST_REFERENCES] if pages else None)


def taxonomy_of(discovery: DiscoveryRoom, project_id: int) -> Taxonomy:
    """Return the taxonomy in force, or the project's labels as roots if it has none."""
    store = discovery.taxonomies.store
    labels = discovery.studio.projects.get(project_id).config().label_names
    return store.current(project_id) or store.name(project_id, begin_taxonomy(labels))


def _name_today(discovery: DiscoveryRoom, project_id: int, members: list[Member]) -> list[Member]:
    config = discovery.studio.projects.get(project_id).config()
    names = name_today(config, (member.label for member in members))
    return [replace(member, label=names[member.label]) for member in members]


def _add_reviewed(
    discovery: DiscoveryRoom, project_id: int, tasks: Iterable[int], named: dict[int, list[Box]]
) -> dict[int, list[Box]]:
    """Return the boxes that a person labelled, by task: in the latest review, or by naming a cluster."""
    by_task = {task: list(boxes) for task, boxes in named.items()}
    for batch in chunked(sorted(tasks)):
        for task, latest in discovery.reviews.store.latest(project_id, batch).items():
            by_task.setdefault(task, []).extend(region.box for region in latest.review.regions if region.label)
    return by_task


def _match_again(matcher: Matcher | None, members: list[Member], vectors: Mapping[str, Vectors]) -> set[str]:
    """Return the keys of the detections that match a node by the current references."""
    matched: set[str] = set()
    for batch in chunked([member.key for member in members if member.key in vectors]) if matcher else ():
        matches = matcher.match(np.stack([vectors[key] for key in batch])) if matcher else []
        matched |= {key for key, match in zip(batch, matches, strict=True) if match.node is not None}
    return matched


def _fetch_vectors(
    discovery: DiscoveryRoom, project_id: int, kind: CollectionKind, space: Space, members: list[Member]
) -> dict[str, Vectors]:
    collection = discovery.references.milvus.find(project_id, kind, space) if members else None
    if collection is None:
        return {}
    keys = [member.key for member in members]
    return {key: vector for batch in chunked(keys, AT_ONCE) for key, (_, vector) in collection.get(batch).items()}
