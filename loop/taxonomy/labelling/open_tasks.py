"""Gives boxes on open tasks the labels that no class of the champion is, and takes them back, as references come."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from loop.label_studio.classes import fit_classes
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.match_control import find_control
from loop.label_studio.projects import Project
from loop.references.entries import CollectionKind, crop_key, entry_key
from loop.references.plan import find_source
from loop.registry.store import Version
from loop.serving.pre_annotate import rank
from loop.serving.predict import Suggestion
from loop.serving.reference_labels import (
    LabelVote,
    give_labels,
    list_voted,
    take_back,
)
from loop.serving.store import LoggedPrediction
from loop.storage.queries import chunked
from loop.taxonomy.label_pass_store import LabelPass
from loop.taxonomy.labelling.change import change_prediction
from loop.taxonomy.labelling.voting import LabelVoting, count_references, open_voting
from loop.taxonomy.recorded_matches import find_region_matches
from loop.taxonomy.result import TaskMatches
from loop.taxonomy.room import TaxonomyRoom
from loop.vision.embedding import Space

AT_ONCE = 100  # tasks in memory at the same time
PAUSE = timedelta(seconds=20)  # between two passes, at least
SHARE = 0.1  # of the time that passes may take
GROWTH = 1.25  # times as many references of a label after which all tasks are voted on again


@dataclass(frozen=True, slots=True)
class _Round:
    """
    What a pass votes with: the labels that the champion lacks, and the number of references that know them.

    *is_blind*: the champion lacks all labels.
    """

    project: Project
    champion: Version
    config: LabelConfig
    labels: tuple[str, ...]
    space: Space
    references: int
    state: str
    is_blind: bool


def is_due(taxonomies: TaxonomyRoom, project: Project) -> bool:
    """Return whether open tasks wait for a pass, and the pause after the last one is over."""
    last = taxonomies.passes.last(project.id)
    is_pause = last and datetime.now(UTC) < last.ended_at + max(PAUSE, timedelta(seconds=last.seconds / SHARE))
    return not is_pause and is_waiting(taxonomies, project)


def is_waiting(taxonomies: TaxonomyRoom, project: Project) -> bool:
    """Return whether references or detections came since the last pass."""
    last, this = taxonomies.passes.last(project.id), _prepare(taxonomies, project)
    if this is None:
        return False
    newest = taxonomies.counts.find_newest(project.id, this.space, this.labels)
    is_new = newest is not None and (last is None or last.seen_until is None or newest > last.seen_until)
    return is_new or last is None or not _has_same(taxonomies, last, this)


def label_tasks(taxonomies: TaxonomyRoom, project_id: int) -> str:
    """
    Let the references vote on the detections of open tasks, and show the labels that the champion lacks.

    All open tasks are voted on after a change of the taxonomy or of the champion, after many new references, and after
    one is gone or has another label; else those with new vectors. A second run changes nothing. Tasks that somebody has
    begun stay as they are. Raises MilvusDown and UpstreamError.
    """
    this, began = _prepare(taxonomies, taxonomies.studio.projects.get(project_id)), time.monotonic()
    if this is None:
        return ""
    last = taxonomies.passes.last(project_id)
    newest = taxonomies.counts.find_newest(project_id, this.space, this.labels)
    since = last.seen_until if last and _has_same(taxonomies, last, this) else None
    voting = open_voting(taxonomies, project_id, this.space, this.config, this.labels)
    changed = 0
    if voting:
        tasks = taxonomies.counts.find_tasks(project_id, this.space, since)
        ordered = taxonomies.predictions.find_unused(project_id, this.champion.name, tasks)
        changed = sum(_label_some(taxonomies, this, voting, ids) for ids in chunked(ordered, AT_ONCE))
    seconds = time.monotonic() - began
    state = f"{this.state} {this.references}" if this.state else ""
    taxonomies.passes.replace(project_id, LabelPass(state, newest, seconds, datetime.now(UTC)))
    return f"{changed} open tasks show other labels by references"


def _prepare(taxonomies: TaxonomyRoom, project: Project) -> _Round | None:
    """Return what a pass votes with; None if the champion knows all labels, or no reference has one that it lacks."""
    champion = taxonomies.registry.versions.champion(project.id)
    source = find_source(taxonomies.references, project.id) if champion and champion.facts.classes else None
    if champion is None or source is None:
        return None
    config = project.config()
    fit = fit_classes(config, champion.facts.classes)
    labels = fit.labels
    counts = count_references(taxonomies, project.id, source.space, config, labels)
    last = taxonomies.passes.last(project.id)
    if not counts and (last is None or not last.state.startswith(_name(champion, source.space))):
        return None
    taxonomy = taxonomies.store.current(project.id)
    steps = [f"{label} {round(math.log(count, GROWTH))}" for label, count in sorted(counts.items())]
    parts = [taxonomy.version if taxonomy else "", *steps, str(config.score_threshold)]
    content = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    state = f"{_name(champion, source.space)} {content}" if counts else ""  # then labels are only taken back, once
    references = sum(counts.values())
    return _Round(project, champion, config, labels, source.space, references, state, is_blind=fit.is_empty)


def _has_same(taxonomies: TaxonomyRoom, last: LabelPass, this: _Round) -> bool:
    """Return whether the last pass voted with all that this one votes with, but for some more references."""
    state, _, references = last.state.rpartition(" ")
    if state != this.state or not state:
        return state == this.state
    began = last.ended_at - timedelta(seconds=last.seconds)  # those that came while it ran are not in its count
    remaining = count_references(taxonomies, this.project.id, this.space, this.config, this.labels, until=began)
    return sum(remaining.values()) >= int(references)


def _name(champion: Version, space: Space) -> str:
    return f"{champion.name} {space.fingerprint}"


def _label_some(taxonomies: TaxonomyRoom, this: _Round, voting: LabelVoting, task_ids: Sequence[int]) -> int:
    """Vote on the boxes of some tasks, and store what changed; return the number of changed tasks."""
    logged = taxonomies.predictions.newest(this.project.id, task_ids, version=this.champion.name)
    before = {task: _read(entry, this) for task, entry in logged.items()}
    votes = _vote(taxonomies, this, voting, list(before.values()))
    labelled = [give_labels(each, votes.get(task, {}), this.config) for task, each in before.items()]
    after = {each.task_id: each for each in rank(taxonomies.ranking, this.project.id, labelled)}
    wanted = {
        task: suggestion
        for task, suggestion in after.items()
        if any(region.source for region in (*suggestion.shown, *logged[task].regions))
    }
    if not wanted:
        return 0
    stored = taxonomies.studio.client.named_tasks(this.project.id, list(wanted))
    matches = _find_matches(taxonomies, this, wanted)
    return sum(
        change_prediction(taxonomies, this.project, logged[task], wanted[task], stored[task], matches.get(task))
        for task in sorted(wanted.keys() & stored.keys())
        if not stored[task].is_begun
    )


def _read(entry: LoggedPrediction, this: _Round) -> Suggestion:
    """Return the suggestion of a log entry as the detector made it."""
    suggestion = Suggestion(
        entry.task_id,
        entry.version,
        entry.regions,
        entry.candidates,
        entry.threshold,
        entry.score,
        entry.image,
        entry.size or (0, 0),
        foreign=entry.foreign,
        is_blind=this.is_blind,
    )
    return take_back(suggestion, this.config)


def _vote(
    taxonomies: TaxonomyRoom, this: _Round, voting: LabelVoting, suggestions: Sequence[Suggestion]
) -> dict[int, dict[str, LabelVote]]:
    """Return the votes on boxes that have a vector in Milvus, by task and region."""
    keys = {
        (each.task_id, region.id): entry_key(crop_key(each.image, region.box.clip()), each.task_id, this.space)
        for each in suggestions
        for region in list_voted(each)
    }
    detections = taxonomies.references.milvus.find(this.project.id, CollectionKind.DETECTIONS, this.space)
    stored = detections.get(sorted(set(keys.values()))) if detections and keys else {}
    boxes = [box for box, key in keys.items() if key in stored]
    if not boxes:
        return {}
    votes: dict[int, dict[str, LabelVote]] = {}
    answers = voting.vote(np.stack([stored[keys[box]][1] for box in boxes]))
    for (task, region_id), vote in zip(boxes, answers, strict=True):
        if vote:
            votes.setdefault(task, {})[region_id] = vote
    return votes


def _find_matches(taxonomies: TaxonomyRoom, this: _Round, wanted: Mapping[int, Suggestion]) -> dict[int, TaskMatches]:
    """Return the recorded matches of shown boxes to the taxonomy in force, by task."""
    taxonomy = taxonomies.store.current(this.project.id)
    if taxonomy is None:
        return {}
    predicted = [(each.task_id, each.image, each.shown) for each in wanted.values()]
    control = find_control(this.project.label_config)
    by_task = find_region_matches(taxonomies, this.project.id, this.space, predicted)
    return {task: TaskMatches(matches, taxonomy, control) for task, matches in by_task.items()}
