"""Gathers the unknown boxes of a project, with their stored vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from loop.discovery.hints import node_means
from loop.discovery.room import DiscoveryRoom
from loop.discovery.tracking import Member, one_each
from loop.references.entries import CollectionKind
from loop.regions import Box
from loop.storage.queries import chunked
from loop.taxonomy.match import Matcher, matcher_of
from loop.taxonomy.name_category import begun
from loop.taxonomy.taxonomy import Taxonomy
from loop.vision.embedding import Space, Vectors

MOST = 20_000  # boxes clustered, by highest score
READ = 10 * MOST  # boxes read; several boxes of one object count once
AT_ONCE = 2000  # vectors fetched at a time
KNOWN = 5000  # references that take part in the centre


@dataclass(frozen=True, eq=False)
class Unknown:
    """
    Boxes without a name, with their vectors, float32 (boxes, dimension).

    *left_out* counts the boxes left out for low scores, *matched* those that match a node by the current references.
    """

    members: list[Member]
    vectors: Vectors
    left_out: int = 0
    matched: int = 0


@dataclass(frozen=True, eq=False)
class Known:
    """The mean direction of each node's references, and the vectors of some references."""

    means: dict[str, Vectors]
    vectors: Vectors | None


def gather(discovery: DiscoveryRoom, project_id: int, space: Space) -> Unknown:
    """
    The unknown of a project, one box per object, highest score first. Raises MilvusDown.

    It consists of detections that match no node or have not been matched, candidates under the threshold included.
    Detections that a reviewer kept are left out, and those at a place labelled by a counted review or by naming a
    cluster. Boxes that a reviewer drew with a label of no node are added. Boxes that would match a node now are left
    out; only `loop taxonomy reapply` changes their match.
    """
    taxonomy = taxonomy_of(discovery, project_id)
    labels = taxonomy.node_of_label
    detections = discovery.unknown.detections(project_id, space, READ)
    missed = discovery.unknown.missed(project_id, space, labels)
    tasks = {member.task for member in (*detections, *missed)}
    named = {
        task: [member.region.box for member in boxes]
        for task, boxes in discovery.references.task_states.named(project_id, tasks).items()
    }
    drawn = one_each(missed, named)
    detected = one_each(detections, _add_reviewed(discovery, project_id, tasks, named))
    members = [*drawn, *detected]
    vectors = {
        **_fetch_vectors(discovery, project_id, CollectionKind.REFERENCES, space, [member.key for member in drawn]),
        **_fetch_vectors(
            discovery,
            project_id,
            CollectionKind.DETECTIONS,
            space,
            [member.key for member in members[len(drawn) : MOST]],
        ),
    }
    stored = [member for member in members if member.key in vectors]  # the index job restores missing vectors
    matched = _match_nodes(
        matcher_of(discovery.taxonomies, project_id, taxonomy), [member.key for member in detected], vectors
    )
    unknown = [member for member in stored if member.key not in matched]
    stacked = np.stack([vectors[member.key] for member in unknown]) if unknown else np.zeros((0, 0), np.float32)
    return Unknown(unknown, stacked, max(0, len(members) - MOST), len(matched))


def known(discovery: DiscoveryRoom, project_id: int, space: Space) -> Known:
    """Sum up the references of a project. Raises MilvusDown."""
    node_of = taxonomy_of(discovery, project_id).node_of_label
    sums: dict[str, Vectors] = {}
    pages: list[Vectors] = []
    collection = discovery.references.milvus.find(project_id, CollectionKind.REFERENCES, space)
    for entries, vectors in collection.pages() if collection else ():
        for entry, vector in zip(entries, vectors, strict=True):
            node = node_of.get(entry.label)
            if node:
                sums[node] = sums[node] + vector if node in sums else vector
        if sum(map(len, pages)) < KNOWN:
            pages.append(vectors)
    means = node_means(np.stack(list(sums.values())), list(sums)) if sums else {}
    return Known(means, np.concatenate(pages)[:KNOWN] if pages else None)


def taxonomy_of(discovery: DiscoveryRoom, project_id: int) -> Taxonomy:
    """The taxonomy in force, or the project's labels as roots if it has none."""
    current = discovery.taxonomies.store.current(project_id)
    return current or begun(discovery.studio.projects.get(project_id).config().label_names)


def _add_reviewed(
    discovery: DiscoveryRoom, project_id: int, tasks: Iterable[int], named: dict[int, list[Box]]
) -> dict[int, list[Box]]:
    """The boxes that a person labelled, by task, in the latest review or as members of a cluster."""
    by_task = {task: list(boxes) for task, boxes in named.items()}
    for batch in chunked(sorted(tasks)):
        for task, counted in discovery.reviews.store.latest(project_id, batch).items():
            by_task.setdefault(task, []).extend(region.box for region in counted.review.regions if region.label)
    return by_task


def _match_nodes(matcher: Matcher | None, keys: list[str], vectors: Mapping[str, Vectors]) -> set[str]:
    """The detections that match a node by the current references."""
    matched: set[str] = set()
    for batch in chunked([key for key in keys if key in vectors]) if matcher else ():
        matches = matcher.match(np.stack([vectors[key] for key in batch])) if matcher else []
        matched |= {key for key, match in zip(batch, matches, strict=True) if match.node is not None}
    return matched


def _fetch_vectors(
    discovery: DiscoveryRoom, project_id: int, kind: CollectionKind, space: Space, keys: list[str]
) -> dict[str, Vectors]:
    collection = discovery.references.milvus.find(project_id, kind, space) if keys else None
    if collection is None:
        return {}
    return {key: vector for batch in chunked(keys, AT_ONCE) for key, (_, vector) in collection.get(batch).items()}
