"""Match each detection with a vector to the taxonomy, once, by its nearest references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from loop.errors import MilvusDown, UpstreamError
from loop.label_studio.projects import Project
from loop.references.collection import Collection
from loop.references.entries import CollectionKind, Neighbour, crop_key, entry_key
from loop.references.plan import source_of
from loop.regions import Region
from loop.serving.predict import Suggestion
from loop.taxonomy import control as match_control
from loop.taxonomy.matching import NOBODY, Match, Neighbours, codes
from loop.taxonomy.matching import match as vote
from loop.taxonomy.publish import publish, publish_views
from loop.taxonomy.result import Matched
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.taxonomy import Taxonomy
from loop.vision.embedding import Space, Vectors

NEAREST = 10  # references that vote
AT_ONCE = 500  # detections
QUIET, MOST = (
    timedelta(seconds=30),
    timedelta(minutes=5),
)  # least time without a new vector before a run, and longest wait
MOST_LINES = 3  # of a job's line
UNKNOWN = ""  # the node of an entry without a match

Predicted = tuple[int, str, Sequence[Region]]  # a task, its image, regions on it
ByTask = dict[int, dict[str, Match]]  # by the region's id


@dataclass(frozen=True, slots=True)
class Matcher:
    """A taxonomy and the references in one space; *references* is None before the first ones."""

    taxonomy: Taxonomy
    space: Space
    references: Collection | None

    def match(self, vectors: Vectors) -> list[Match]:
        """Match unit vectors, float32 (n, dimension). Raises MilvusDown."""
        if self.references is None or not len(vectors):
            return [Match(None, 0.0)] * len(vectors)
        return vote(self.taxonomy, neighbours(self.taxonomy, self.references.search(vectors, NEAREST)))


def matcher_of(taxonomies: TaxonomyRoom, project_id: int, taxonomy: Taxonomy | None = None) -> Matcher | None:
    """Return the matcher of a taxonomy, by default the one in force; None if a part is missing. Raises MilvusDown."""
    taxonomy = taxonomy or taxonomies.store.current(project_id)
    source = source_of(taxonomies.references, project_id) if taxonomy else None
    if taxonomy is None or source is None:
        return None
    return Matcher(
        taxonomy, source.space, taxonomies.references.milvus.find(project_id, CollectionKind.REFERENCES, source.space)
    )


def is_due(taxonomies: TaxonomyRoom, project: Project) -> bool:
    """Return whether detections wait for a match, and no new vector came for a while."""
    if taxonomies.store.current(project.id) is None:
        return False
    source = source_of(taxonomies.references, project.id)
    return source is not None and taxonomies.matches.is_due(project.id, source.space, QUIET, MOST)


def match(taxonomies: TaxonomyRoom, project_id: int) -> str:
    """
    Match every detection that has a vector and no match, and write new matches into Label Studio.

    A second run, or a run after a kill, ends in the same state. If Milvus or Label Studio is down, the rest stays due.
    """
    try:
        matcher = matcher_of(taxonomies, project_id)
        if matcher is None:
            return "no taxonomy was applied, or nothing to embed with"
        place_references(matcher)
        count = _match_new(taxonomies, project_id, matcher)
    except MilvusDown as error:
        return str(error)
    try:
        return f"{count} detections matched; {show(taxonomies, project_id, matcher.taxonomy, matcher.space)}"
    except UpstreamError as error:
        return f"{count} detections matched, not shown yet: {error}"


def show(taxonomies: TaxonomyRoom, project_id: int, taxonomy: Taxonomy, space: Space) -> str:
    """Write new matches into the predictions in Label Studio, and keep one view per node."""
    project, lines = taxonomies.studio.projects.get(project_id), list[str]()
    while due := taxonomies.matches.to_show(project_id, space, AT_ONCE):
        lines.append(publish(taxonomies, project, taxonomy, of_tasks(taxonomies, project_id, space, set(due.values()))))
        taxonomies.matches.shown(project_id, space, due)
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"and {len(lines) - MOST_LINES} times so"]
    if lines:
        lines.append(publish_views(taxonomies, project_id, taxonomy))
    return "; ".join(lines)


def of_tasks(taxonomies: TaxonomyRoom, project_id: int, space: Space, task_ids: Iterable[int]) -> ByTask:
    """Return the matches of the regions that the champion last predicted; every task is in the result."""
    wanted, champion = list(task_ids), taxonomies.registry.versions.champion(project_id)
    newest = taxonomies.predictions.newest(project_id, wanted, version=champion.name if champion else None)
    regions = [(task_id, prediction.image, prediction.regions) for task_id, prediction in newest.items()]
    return {task_id: {} for task_id in wanted} | of_regions(taxonomies, project_id, space, regions)


def of_regions(taxonomies: TaxonomyRoom, project_id: int, space: Space, predicted: Iterable[Predicted]) -> ByTask:
    """Return the recorded matches of regions predicted on images."""
    keys = {
        (task_id, region.id): entry_key(crop_key(image, region.box.clip()), task_id, space)
        for task_id, image, regions in predicted
        for region in regions
    }
    known = taxonomies.matches.of_keys(project_id, space, keys.values())
    matches: ByTask = {}
    for (task_id, region_id), key in keys.items():
        if key in known:
            matches.setdefault(task_id, {})[region_id] = known[key]
    return matches


def known(taxonomies: TaxonomyRoom, project: Project, suggestions: Sequence[Suggestion]) -> dict[int, Matched]:
    """Return the recorded matches of suggestions, for example of a version that served before."""
    taxonomy = taxonomies.store.current(project.id)
    source = source_of(taxonomies.references, project.id) if taxonomy else None
    if taxonomy is None or source is None:
        return {}
    predicted = [(suggestion.task_id, suggestion.image, suggestion.shown) for suggestion in suggestions]
    control = match_control.find(project.label_config)
    by_task = of_regions(taxonomies, project.id, source.space, predicted)
    return {task_id: Matched(matches, taxonomy, control) for task_id, matches in by_task.items()}


def neighbours(taxonomy: Taxonomy, found: Sequence[Sequence[Neighbour]], k: int = NEAREST) -> Neighbours:
    """Return the hits of a search as arrays (queries, k); NOBODY fills missing places."""
    width = max(k, max(map(len, found), default=0))
    ids = np.full((len(found), width), "", dtype=object)
    scores = np.zeros((len(found), width), np.float32)
    labels = np.full((len(found), width), "", dtype=object)
    for row, near in enumerate(found):
        for column, hit in enumerate(near):
            ids[row, column], labels[row, column] = hit.entry.key, hit.entry.label
            scores[row, column] = hit.similarity
    nodes = codes(taxonomy, labels.ravel().tolist()).reshape(labels.shape)
    return Neighbours(ids.astype(str), scores, np.where(labels == "", NOBODY, nodes))


def place_references(matcher: Matcher) -> None:
    """Set the node of every reference to the node of its label."""
    if matcher.references is not None:
        nodes = matcher.taxonomy.node_of_label
        wrong = {
            entry.key: nodes.get(entry.label, UNKNOWN)
            for entry in matcher.references.entries()
            if entry.node != nodes.get(entry.label, UNKNOWN)
        }
        matcher.references.place(wrong)


def place_detections(
    taxonomies: TaxonomyRoom, project_id: int, space: Space, found: Mapping[str, Match | None]
) -> None:
    """Set the node of detections to the node of their match. Raises MilvusDown."""
    collection = taxonomies.references.milvus.find(project_id, CollectionKind.DETECTIONS, space)
    if collection:
        collection.place({key: (match.node if match else None) or UNKNOWN for key, match in found.items()})


def vectors_of(
    taxonomies: TaxonomyRoom, project_id: int, space: Space, keys: Sequence[str]
) -> tuple[list[str], Vectors]:
    """Return the vectors of detections in Milvus. The next index job makes lost vectors again."""
    collection = taxonomies.references.milvus.find(project_id, CollectionKind.DETECTIONS, space)
    stored = collection.get(keys) if collection else {}
    taxonomies.references.vectors.lost(
        project_id, space, CollectionKind.DETECTIONS, [key for key in keys if key not in stored]
    )
    known = [key for key in keys if key in stored]
    return known, np.stack([stored[key][1] for key in known]) if known else np.zeros((0, 0), np.float32)


def _match_new(taxonomies: TaxonomyRoom, project_id: int, matcher: Matcher) -> int:
    count = 0
    while waiting := taxonomies.matches.unmatched(project_id, matcher.space, AT_ONCE):
        keys, vectors = vectors_of(taxonomies, project_id, matcher.space, list(waiting))
        matches = dict(zip(keys, matcher.match(vectors), strict=True))
        place_detections(
            taxonomies, project_id, matcher.space, matches
        )  # before the records: a record says that everything is done
        taxonomies.matches.add(project_id, matcher.space, matches)
        count += len(matches)
    return count
