"""Match each detection with a vector to the taxonomy, once, by its nearest references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from loop.errors import MilvusDown, PayloadError, UpstreamError
from loop.label_studio.projects import Project
from loop.references.collection import Collection
from loop.references.entries import CollectionKind, Neighbour
from loop.references.plan import find_source
from loop.taxonomy.publish import publish, publish_views
from loop.taxonomy.recorded_matches import find_task_matches
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.taxonomy import Taxonomy
from loop.taxonomy.voting import MISSING, NOBODY, Match, Neighbours, find_places, vote
from loop.vision.embedding import Space, Vectors

NEAREST = 10  # references that vote
AT_ONCE = 500  # detections
QUIET = timedelta(seconds=30)  # without a new vector, before a run
LONGEST_WAIT = timedelta(minutes=5)  # of a detection for newer vectors
MOST_LINES = 3  # of batches named in a job's line
UNKNOWN = ""  # the node of an entry without a match


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
        hits = self.references.search(vectors, NEAREST)
        return vote(self.taxonomy, stack_neighbours(self.taxonomy, hits))


def matcher_of(taxonomies: TaxonomyRoom, project_id: int, taxonomy: Taxonomy | None = None) -> Matcher | None:
    """Return the matcher of a taxonomy, by default the one in force; None if a part is missing. Raises MilvusDown."""
    taxonomy = taxonomies.store.name(project_id, taxonomy) if taxonomy else taxonomies.store.current(project_id)
    source = find_source(taxonomies.references, project_id) if taxonomy else None
    if taxonomy is None or source is None:
        return None
    references = taxonomies.references.milvus.find(project_id, CollectionKind.REFERENCES, source.space)
    return Matcher(taxonomy, source.space, references)


def require_matcher(taxonomies: TaxonomyRoom, project_id: int, taxonomy: Taxonomy | None = None) -> Matcher:
    """Return the matcher of a taxonomy, by default the one in force. Raises PayloadError without one, MilvusDown."""
    matcher = matcher_of(taxonomies, project_id, taxonomy)
    if matcher is None:
        expected = "an embedder, weights, and a taxonomy that was applied (loop taxonomy apply)"
        raise PayloadError(f"project {project_id}", expected, None)
    return matcher


def is_due(taxonomies: TaxonomyRoom, project: Project) -> bool:
    """Return whether detections wait for a match, and no new vector was made for a while."""
    if taxonomies.store.current(project.id) is None:
        return False
    source = find_source(taxonomies.references, project.id)
    return source is not None and taxonomies.matches.is_due(project.id, source.space, QUIET, LONGEST_WAIT)


def match_detections(taxonomies: TaxonomyRoom, project_id: int) -> str:
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
        return f"{count} detections matched; {show_matches(taxonomies, project_id, matcher.taxonomy, matcher.space)}"
    except UpstreamError as error:
        return f"{count} detections matched, not shown yet: {error}"


def show_matches(taxonomies: TaxonomyRoom, project_id: int, taxonomy: Taxonomy, space: Space) -> str:
    """Write new matches into the predictions in Label Studio, and keep one view per node."""
    project, lines = taxonomies.studio.projects.get(project_id), list[str]()
    while due := taxonomies.matches.find_unshown(project_id, space, AT_ONCE):
        matches = find_task_matches(taxonomies, project_id, space, set(due.values()))
        lines.append(publish(taxonomies, project, taxonomy, matches))
        taxonomies.matches.mark_shown(project_id, space, due)
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"{len(lines) - MOST_LINES} more batches"]
    if lines:
        lines.append(publish_views(taxonomies, project_id, taxonomy))
    return "; ".join(lines)


def stack_neighbours(taxonomy: Taxonomy, hits: Sequence[Sequence[Neighbour]], k: int = NEAREST) -> Neighbours:
    """Return the hits of a search as arrays (queries, k); MISSING with NOBODY fills missing places."""
    width = max(k, max(map(len, hits), default=0))
    ids = np.full((len(hits), width), MISSING, dtype=object)
    scores = np.zeros((len(hits), width), np.float32)
    labels = np.full((len(hits), width), "", dtype=object)
    for row, nearest in enumerate(hits):
        for column, hit in enumerate(nearest):
            ids[row, column], labels[row, column] = hit.entry.key, hit.entry.label
            scores[row, column] = hit.similarity
    nodes = find_places(taxonomy, labels.ravel().tolist()).reshape(labels.shape)
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
    taxonomies: TaxonomyRoom, project_id: int, space: Space, matches: Mapping[str, Match | None]
) -> None:
    """Set the node of detections to the node of their match. Raises MilvusDown."""
    collection = taxonomies.references.milvus.find(project_id, CollectionKind.DETECTIONS, space)
    if collection:
        collection.place({key: (match.node if match else None) or UNKNOWN for key, match in matches.items()})


def fetch_vectors(
    taxonomies: TaxonomyRoom, project_id: int, space: Space, keys: Sequence[str]
) -> tuple[list[str], Vectors]:
    """Return the *keys* that have a vector in Milvus, and the vectors. The next index job makes lost vectors again."""
    collection = taxonomies.references.milvus.find(project_id, CollectionKind.DETECTIONS, space)
    stored = collection.get(keys) if collection else {}
    taxonomies.references.vectors.mark_lost(
        project_id, space, CollectionKind.DETECTIONS, [key for key in keys if key not in stored]
    )
    known = [key for key in keys if key in stored]
    return known, np.stack([stored[key][1] for key in known]) if known else np.zeros((0, 0), np.float32)


def _match_new(taxonomies: TaxonomyRoom, project_id: int, matcher: Matcher) -> int:
    count = 0
    while waiting := taxonomies.matches.find_unmatched(project_id, matcher.space, AT_ONCE):
        keys, vectors = fetch_vectors(taxonomies, project_id, matcher.space, list(waiting))
        matches = dict(zip(keys, matcher.match(vectors), strict=True))
        place_detections(taxonomies, project_id, matcher.space, matches)  # first: a recorded match is complete
        taxonomies.matches.add(project_id, matcher.space, matches)
        count += len(matches)
    return count
