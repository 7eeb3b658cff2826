"""The taxonomy of a project: tried on some tasks, applied, calibrated by the references that reviewers gave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loop.errors import PayloadError
from loop.parts import Parts
from loop.references.plan import source_of
from loop.taxonomy.calibration import Calibrated, calibrate, without_group
from loop.taxonomy.match import NEAREST, Matcher, matcher_of, neighbours, vectors_of
from loop.taxonomy.matching import Match, codes
from loop.taxonomy.taxonomy import Taxonomy, with_thresholds
from loop.vision.embedding import Entry

SLACK = 40  # neighbours asked for beyond those that vote: those of the same group do not


@dataclass(frozen=True, slots=True)
class Trial:
    """What a taxonomy would say of one detection, and what stands."""

    entry: Entry
    before: Match | None
    after: Match


def apply(parts: Parts, project_id: int, taxonomy: Taxonomy, why: str) -> str:
    """Put a taxonomy in force: what comes is matched by it, what is matched already stays so until `reapply`."""
    parts.projects.get(project_id)
    number = parts.taxonomies.apply(project_id, taxonomy, why)
    if number is None:
        return f"taxonomy {taxonomy.version} is in force already"
    parts.matches.show_again(project_id)
    unused = sorted(set(taxonomy.node_of_label) - set(parts.projects.class_names(project_id)))
    said = f"taxonomy {number}, {taxonomy.version}, is in force"
    return f"{said}; the label config has no {', '.join(unused)}" if unused else said


def trial(parts: Parts, project_id: int, taxonomy: Taxonomy, tasks: int) -> list[Trial]:
    """Match the detections of some tasks by a taxonomy; nothing is stored. Raises PayloadError, MilvusDown."""
    matcher = _matcher(parts, project_id, taxonomy)
    standing = sorted(parts.vectors.tasks(project_id, matcher.space))
    rng = np.random.default_rng(0)
    drawn = sorted(rng.choice(standing, min(tasks, len(standing)), replace=False).tolist()) if standing else []
    entries = {
        row.wanted.entry.key: row.wanted.entry for row in parts.vectors.of_tasks(project_id, matcher.space, drawn)
    }
    keys, vectors = vectors_of(parts, project_id, matcher.space, list(entries))
    before = parts.matches.of_keys(project_id, matcher.space, keys)
    found = matcher.match(vectors)
    return [Trial(entries[key], before.get(key), after) for key, after in zip(keys, found, strict=True)]


def calibrated(parts: Parts, project_id: int) -> tuple[Taxonomy, list[Calibrated]]:
    """
    The taxonomy in force with thresholds read from its references, and a row a node.

    Each reference is matched without those of its own task, and without those of its group where tasks have one.
    Raises PayloadError, MilvusDown.
    """
    matcher = _matcher(parts, project_id, None)
    if matcher.references is None:
        raise PayloadError("references", "a collection (loop references build)", None)
    field = parts.policies.dataset.group_field
    groups = parts.rates.cohorts(project_id, field) if field else {}
    truth: list[str] = []
    own: list[str] = []
    near, near_groups = [], []
    for entries, vectors in matcher.references.pages():
        for entry, found in zip(entries, matcher.references.search(vectors, NEAREST + SLACK), strict=True):
            truth.append(entry.label)
            own.append(_group(entry, groups))
            near.append(found)
            near_groups.append([_group(one.entry, groups) for one in found])
    every = neighbours(matcher.taxonomy, near, NEAREST + SLACK)
    named = np.full(every.ids.shape, "", dtype=object)
    for row, some in enumerate(near_groups):
        named[row, : len(some)] = some
    kept = without_group(every, np.array(own, object), named, NEAREST)
    rows = calibrate(matcher.taxonomy, kept, codes(matcher.taxonomy, truth))
    return with_thresholds(matcher.taxonomy, {row.node: row.threshold for row in rows}), rows


def counts(parts: Parts, project_id: int) -> dict[str | None, int]:
    """How many detections are matched to each node now; None is unknown."""
    source = source_of(parts, project_id)
    return parts.matches.counts(project_id, source.space) if source else {}


def _group(entry: Entry, groups: dict[int, str]) -> str:
    return groups.get(entry.task) or f"task {entry.task}"


def _matcher(parts: Parts, project_id: int, taxonomy: Taxonomy | None) -> Matcher:
    matcher = matcher_of(parts, project_id, taxonomy)
    if matcher is None:
        expected = "an embedder, weights, and a taxonomy that was applied (loop taxonomy apply)"
        raise PayloadError(f"project {project_id}", expected, None)
    return matcher
