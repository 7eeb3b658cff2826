"""The taxonomy of a project: try it on tasks, apply it, calibrate it by references."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loop.errors import PayloadError
from loop.references.entries import Entry, Neighbour
from loop.references.plan import find_source
from loop.taxonomy.calibration import NodeCalibration, calibrate_nodes, without_group
from loop.taxonomy.editing.categories import with_thresholds
from loop.taxonomy.match import NEAREST, fetch_vectors, require_matcher, stack_neighbours
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.taxonomy import Taxonomy
from loop.taxonomy.voting import Match, find_places

SLACK = 40  # extra neighbours to search for: neighbours of the same group do not vote


@dataclass(frozen=True, slots=True)
class Trial:
    """The match of one detection: *before* in the records, *after* by the taxonomy that is tried."""

    entry: Entry
    before: Match | None
    after: Match


def apply(taxonomies: TaxonomyRoom, project_id: int, taxonomy: Taxonomy, why: str) -> str:
    """Put a taxonomy in force. It matches new detections; existing matches stay until `reapply`."""
    taxonomies.studio.projects.get(project_id)
    number = taxonomies.store.apply(project_id, taxonomy, why)
    if number is None:
        return f"taxonomy {taxonomy.version} is in force already"
    taxonomies.matches.show_again(project_id)
    named = taxonomies.store.name(project_id, taxonomy)
    unused = sorted(named.find_missing(taxonomies.studio.projects.class_names(project_id)))
    summary = f"taxonomy {number}, {taxonomy.version}, is in force"
    return f"{summary}; the label config has no {', '.join(unused)}" if unused else summary


def try_taxonomy(taxonomies: TaxonomyRoom, project_id: int, taxonomy: Taxonomy, tasks: int) -> list[Trial]:
    """Match the detections of random tasks by a taxonomy; store nothing. Raises PayloadError, MilvusDown."""
    matcher = require_matcher(taxonomies, project_id, taxonomy)
    known_tasks = sorted(taxonomies.references.vectors.tasks(project_id, matcher.space))
    rng = np.random.default_rng(0)
    count = min(tasks, len(known_tasks))
    sample = sorted(rng.choice(known_tasks, count, replace=False).tolist()) if known_tasks else []
    entries = {
        row.wanted.entry.key: row.wanted.entry
        for row in taxonomies.references.vectors.of_tasks(project_id, matcher.space, sample)
    }
    keys, vectors = fetch_vectors(taxonomies, project_id, matcher.space, list(entries))
    before = taxonomies.matches.of_keys(project_id, matcher.space, keys)
    matches = zip(keys, matcher.match(vectors), strict=True)
    return [Trial(entries[key], before.get(key), after) for key, after in matches]


def calibrate(taxonomies: TaxonomyRoom, project_id: int) -> tuple[Taxonomy, list[NodeCalibration]]:
    """
    Return the taxonomy in force with calibrated thresholds, and one row per node.

    Each reference is matched without the references of its own task and of its task's group. Raises
    PayloadError, MilvusDown.
    """
    matcher = require_matcher(taxonomies, project_id)
    if matcher.references is None:
        raise PayloadError("references", "a collection (loop references build)", None)
    field = taxonomies.group_field
    groups = taxonomies.rates.store.read_cohorts(project_id, field) if field else {}
    labels: list[str] = []
    own_groups: list[str] = []
    hits: list[list[Neighbour]] = []
    for entries, vectors in matcher.references.pages():
        labels += [entry.label for entry in entries]
        own_groups += [_group(entry, groups) for entry in entries]
        hits += matcher.references.search(vectors, NEAREST + SLACK)
    all_neighbours = stack_neighbours(matcher.taxonomy, hits, NEAREST + SLACK)
    hit_groups = np.full(all_neighbours.ids.shape, "", dtype=object)
    for row, nearest in enumerate(hits):
        hit_groups[row, : len(nearest)] = [_group(hit.entry, groups) for hit in nearest]
    voters = without_group(all_neighbours, np.array(own_groups, object), hit_groups, NEAREST)
    rows = calibrate_nodes(matcher.taxonomy, voters, find_places(matcher.taxonomy, labels))
    return with_thresholds(matcher.taxonomy, {row.node: row.threshold for row in rows}), rows


def count_matches(taxonomies: TaxonomyRoom, project_id: int) -> dict[str | None, int]:
    """Count the detections matched to each node; None is unknown."""
    source = find_source(taxonomies.references, project_id)
    return taxonomies.matches.count_by_node(project_id, source.space) if source else {}


def _group(entry: Entry, groups: dict[int, str]) -> str:
    return groups.get(entry.task) or f"task {entry.task}"
