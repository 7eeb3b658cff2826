"""Gather what nothing has a name for, with the vectors that it has already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from loop.discovery.hints import node_means
from loop.discovery.tracking import Member, one_each
from loop.parts import Parts
from loop.regions import Box
from loop.storage.queries import chunks
from loop.taxonomy.match import Matcher, matcher_of
from loop.taxonomy.name_category import begun
from loop.taxonomy.taxonomy import Taxonomy
from loop.vision.embedding import Kind, Space, Vectors

MOST = 20_000  # boxes clustered, the surest
READ = 10 * MOST  # boxes read; many of one object are one
AT_ONCE = 2000  # vectors fetched at a time
KNOWN = 5000  # references that take part in the centre


@dataclass(frozen=True, eq=False)
class Unknown:
    """
    Boxes without a name, with their vectors, float32 (boxes, dimension).

    Of what else there was, the least sure were *left_out*, and others are *matched* by the references there are now.
    """

    members: list[Member]
    vectors: Vectors
    left_out: int = 0
    matched: int = 0


@dataclass(frozen=True, eq=False)
class Known:
    """What there is a name for: the mean direction of each node, and the vectors of some references."""

    means: dict[str, Vectors]
    vectors: Vectors | None


def gather(parts: Parts, project_id: int, space: Space) -> Unknown:
    """
    The unknown of a project, one box an object, the surest first. Raises MilvusDown.

    Detections that match no node or have not been matched, candidates under the threshold included, but for those that
    a reviewer kept, or whose place a review that counts or a person who named a cluster has labelled. Also boxes that
    a reviewer drew and gave a label that is in no node. What was found unknown before and would match now is left out;
    its match is changed by `loop taxonomy reapply` alone.
    """
    taxonomy = taxonomy_of(parts, project_id)
    labels = taxonomy.node_of_label
    found = parts.unknown.detections(project_id, space, READ)
    missed = parts.unknown.missed(project_id, space, labels)
    tasks = {one.task for one in (*found, *missed)}
    named = {
        task: [one.region.box for one in some] for task, some in parts.task_states.named(project_id, tasks).items()
    }
    drawn = one_each(missed, named)
    detected = one_each(found, _with_reviewed(parts, project_id, tasks, named))
    members = [*drawn, *detected]
    vectors = {
        **_vectors(parts, project_id, Kind.REFERENCES, space, [one.key for one in drawn]),
        **_vectors(parts, project_id, Kind.DETECTIONS, space, [one.key for one in members[len(drawn) : MOST]]),
    }
    there = [one for one in members if one.key in vectors]  # what Milvus lost comes back by itself
    placed = _matched(matcher_of(parts, project_id, taxonomy), [one.key for one in detected], vectors)
    unknown = [one for one in there if one.key not in placed]
    stacked = np.stack([vectors[one.key] for one in unknown]) if unknown else np.zeros((0, 0), np.float32)
    return Unknown(unknown, stacked, max(0, len(members) - MOST), len(placed))


def known(parts: Parts, project_id: int, space: Space) -> Known:
    """Sum up the references of a project. Raises MilvusDown."""
    node_of = taxonomy_of(parts, project_id).node_of_label
    sums: dict[str, Vectors] = {}
    some: list[Vectors] = []
    collection = parts.references.find(project_id, Kind.REFERENCES, space)
    for entries, vectors in collection.pages() if collection else ():
        for entry, vector in zip(entries, vectors, strict=True):
            node = node_of.get(entry.label)
            if node:
                sums[node] = sums[node] + vector if node in sums else vector
        if sum(map(len, some)) < KNOWN:
            some.append(vectors)
    means = node_means(np.stack(list(sums.values())), list(sums)) if sums else {}
    return Known(means, np.concatenate(some)[:KNOWN] if some else None)


def taxonomy_of(parts: Parts, project_id: int) -> Taxonomy:
    """The taxonomy in force; of a project that has none, its labels, each a root."""
    current = parts.taxonomies.current(project_id)
    return current or begun(parts.projects.get(project_id).config().label_names)


def _with_reviewed(
    parts: Parts, project_id: int, tasks: Iterable[int], named: dict[int, list[Box]]
) -> dict[int, list[Box]]:
    """The boxes of tasks that a person gave a label, in their latest review or as members of a cluster."""
    found = {task: list(boxes) for task, boxes in named.items()}
    for some in chunks(sorted(tasks)):
        for task, counted in parts.reviews.latest(project_id, some).items():
            found.setdefault(task, []).extend(one.box for one in counted.review.regions if one.label)
    return found


def _matched(matcher: Matcher | None, keys: list[str], vectors: Mapping[str, Vectors]) -> set[str]:
    """The detections that match a node by the references there are now."""
    found: set[str] = set()
    for some in chunks([key for key in keys if key in vectors]) if matcher else ():
        matches = matcher.match(np.stack([vectors[key] for key in some])) if matcher else []
        found |= {key for key, one in zip(some, matches, strict=True) if one.node is not None}
    return found


def _vectors(parts: Parts, project_id: int, kind: Kind, space: Space, keys: list[str]) -> dict[str, Vectors]:
    collection = parts.references.find(project_id, kind, space) if keys else None
    if collection is None:
        return {}
    return {key: vector for some in chunks(keys, AT_ONCE) for key, (_, vector) in collection.get(some).items()}
