"""Match detections to the taxonomy by the references nearest to them, once each, after they have a vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from loop.errors import MilvusDown, UpstreamError
from loop.label_studio.projects import Project
from loop.parts import Parts
from loop.references.collection import Collection
from loop.references.plan import source_of
from loop.regions import Region
from loop.serving.predict import Suggestion
from loop.taxonomy import control as match_control
from loop.taxonomy.matching import NOBODY, Match, Neighbours, codes
from loop.taxonomy.matching import match as vote
from loop.taxonomy.publish import publish, publish_views
from loop.taxonomy.result import Matched
from loop.taxonomy.taxonomy import Taxonomy
from loop.vision.embedding import Kind, Neighbour, Space, Vectors, crop_key, entry_key

NEAREST = 10  # references that vote
AT_ONCE = 500  # detections
QUIET, MOST = timedelta(seconds=30), timedelta(minutes=5)  # without a new vector before a run, and the longest wait
MOST_LINES = 3  # of a job's line
UNKNOWN = ""  # the node of an entry that is matched to none

Said = tuple[int, str, Sequence[Region]]  # a task, its image, regions on it
ByTask = dict[int, dict[str, Match]]  # by the region's id


@dataclass(frozen=True, slots=True)
class Matcher:
    """What detections of a project are matched by: the references in one space, None where there are none yet."""

    taxonomy: Taxonomy
    space: Space
    references: Collection | None

    def match(self, vectors: Vectors) -> list[Match]:
        """Match unit vectors, float32 (n, dimension). Raises MilvusDown."""
        if self.references is None or not len(vectors):
            return [Match(None, 0.0)] * len(vectors)
        return vote(self.taxonomy, neighbours(self.taxonomy, self.references.search(vectors, NEAREST)))


def matcher_of(parts: Parts, project_id: int, taxonomy: Taxonomy | None = None) -> Matcher | None:
    """The matcher of a taxonomy, or of the one in force; None where something for it is missing. Raises MilvusDown."""
    taxonomy = taxonomy or parts.taxonomies.current(project_id)
    source = source_of(parts, project_id) if taxonomy else None
    if taxonomy is None or source is None:
        return None
    return Matcher(taxonomy, source.space, parts.references.find(project_id, Kind.REFERENCES, source.space))


def is_due(parts: Parts, project: Project) -> bool:
    """Whether detections wait for their match, and their task has been quiet for a while."""
    if parts.taxonomies.current(project.id) is None:
        return False
    source = source_of(parts, project.id)
    return source is not None and parts.matches.is_due(project.id, source.space, QUIET, MOST)


def match(parts: Parts, project_id: int) -> str:
    """
    Match every detection that has a vector and no match, and show what Label Studio does not show yet.

    Done twice, or killed at any point, it ends in the same state. Milvus or Label Studio down: the rest stays due.
    """
    try:
        matcher = matcher_of(parts, project_id)
        if matcher is None:
            return "no taxonomy was applied, or nothing to embed with"
        place_references(matcher)
        made = _match_new(parts, project_id, matcher)
    except MilvusDown as error:
        return str(error)
    try:
        return f"{made} detections matched; {show(parts, project_id, matcher.taxonomy, matcher.space)}"
    except UpstreamError as error:
        return f"{made} detections matched, not shown yet: {error}"


def show(parts: Parts, project_id: int, taxonomy: Taxonomy, space: Space) -> str:
    """Write matches into the predictions in Label Studio that may not have them yet, and keep a view a node."""
    project, lines = parts.projects.get(project_id), list[str]()
    while due := parts.matches.to_show(project_id, space, AT_ONCE):
        lines.append(publish(parts, project, taxonomy, of_tasks(parts, project_id, space, set(due.values()))))
        parts.matches.shown(project_id, space, due)
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"and {len(lines) - MOST_LINES} times so"]
    if lines:
        lines.append(publish_views(parts, project_id, taxonomy))
    return "; ".join(lines)


def of_tasks(parts: Parts, project_id: int, space: Space, task_ids: Iterable[int]) -> ByTask:
    """The matches of the regions that the champion last predicted on tasks; every task asked for is in it."""
    wanted, champion = list(task_ids), parts.registry.champion(project_id)
    newest = parts.predictions.newest(project_id, wanted, version=champion.name if champion else None)
    said = [(task_id, one.image, one.regions) for task_id, one in newest.items()]
    return {task_id: {} for task_id in wanted} | of_regions(parts, project_id, space, said)


def of_regions(parts: Parts, project_id: int, space: Space, said: Iterable[Said]) -> ByTask:
    """The matches that are known of regions predicted on images."""
    keys = {
        (task_id, region.id): entry_key(crop_key(image, region.box.clipped()), task_id, space)
        for task_id, image, regions in said
        for region in regions
    }
    known = parts.matches.of_keys(project_id, space, keys.values())
    found: ByTask = {}
    for (task_id, region_id), key in keys.items():
        if key in known:
            found.setdefault(task_id, {})[region_id] = known[key]
    return found


def known(parts: Parts, project: Project, suggestions: Sequence[Suggestion]) -> dict[int, Matched]:
    """The matches in the records of what is about to be shown: of a version that served before, for instance."""
    taxonomy = parts.taxonomies.current(project.id)
    source = source_of(parts, project.id) if taxonomy else None
    if taxonomy is None or source is None:
        return {}
    said = [(one.task_id, one.image, one.shown) for one in suggestions]
    control = match_control.find(project.label_config)
    found = of_regions(parts, project.id, source.space, said)
    return {task_id: Matched(matches, taxonomy, control) for task_id, matches in found.items()}


def neighbours(taxonomy: Taxonomy, found: Sequence[Sequence[Neighbour]], k: int = NEAREST) -> Neighbours:
    """What a search found as arrays (queries, k); where it found fewer, the rest is nobody."""
    width = max(k, max(map(len, found), default=0))
    ids = np.full((len(found), width), "", dtype=object)
    scores = np.zeros((len(found), width), np.float32)
    labels = np.full((len(found), width), "", dtype=object)
    for row, near in enumerate(found):
        for column, one in enumerate(near):
            ids[row, column], labels[row, column] = one.entry.key, one.entry.label
            scores[row, column] = one.similarity
    nodes = codes(taxonomy, labels.ravel().tolist()).reshape(labels.shape)
    return Neighbours(ids.astype(str), scores, np.where(labels == "", NOBODY, nodes))


def place_references(matcher: Matcher) -> None:
    """Have every reference carry the node that its label is."""
    if matcher.references is not None:
        nodes = matcher.taxonomy.node_of_label
        wrong = {
            entry.key: nodes.get(entry.label, UNKNOWN)
            for entry in matcher.references.entries()
            if entry.node != nodes.get(entry.label, UNKNOWN)
        }
        matcher.references.place(wrong)


def place_detections(parts: Parts, project_id: int, space: Space, found: Mapping[str, Match | None]) -> None:
    """Have detections carry the node that they are matched to. Raises MilvusDown."""
    collection = parts.references.find(project_id, Kind.DETECTIONS, space)
    if collection:
        collection.place({key: (one.node if one else None) or UNKNOWN for key, one in found.items()})


def vectors_of(parts: Parts, project_id: int, space: Space, keys: Sequence[str]) -> tuple[list[str], Vectors]:
    """The vectors that Milvus has of these detections; what it lost is made again by the next index."""
    collection = parts.references.find(project_id, Kind.DETECTIONS, space)
    there = collection.get(keys) if collection else {}
    parts.vectors.lost(project_id, space, Kind.DETECTIONS, [key for key in keys if key not in there])
    known = [key for key in keys if key in there]
    return known, np.stack([there[key][1] for key in known]) if known else np.zeros((0, 0), np.float32)


def _match_new(parts: Parts, project_id: int, matcher: Matcher) -> int:
    made = 0
    while waiting := parts.matches.unmatched(project_id, matcher.space, AT_ONCE):
        keys, vectors = vectors_of(parts, project_id, matcher.space, list(waiting))
        found = dict(zip(keys, matcher.match(vectors), strict=True))
        place_detections(parts, project_id, matcher.space, found)  # first: a record says that all of it is done
        parts.matches.add(project_id, matcher.space, found)
        made += len(found)
    return made
