"""Trace what is known: from a region to all that led to it and learned from it; from an annotator or a version back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from loop.datasets import folder as dataset_folder
from loop.errors import PayloadError
from loop.regions import Region
from loop.reviews.review_store import KeptReview
from loop.reviews.verdict_query import VerdictFilter, VerdictRecord
from loop.serving.store import LoggedPrediction
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.voters import Matched, matched
from loop.training.room import TrainingRoom


@dataclass(frozen=True, slots=True)
class Shown:
    """A region as a version predicted it. *is_candidate*: it lay under the threshold and was kept back."""

    region: Region
    task: int
    version: str
    prediction: int
    execution: str
    stream: str
    propensity: float
    task_score: float
    served_at: datetime
    is_candidate: bool
    is_shadow: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A region as a reviewer left it."""

    region: Region
    task: int
    annotation: int
    annotator: int | None
    reviewed_at: datetime
    is_counted: bool


@dataclass(frozen=True, slots=True)
class Learned:
    """A dataset that holds a review, and the training and version that it went into."""

    snapshot: str
    side: str
    annotation: int
    training: int
    state: str
    version: str | None


@dataclass(frozen=True, slots=True)
class RegionLineage:
    """All that is known of one region."""

    region: str
    shown: list[Shown]
    drawn: list[Drawn]
    verdicts: list[VerdictRecord]
    learned: list[Learned]
    matched: list[Matched]


@dataclass(frozen=True, slots=True)
class AnnotatorLineage:
    """
    What one annotator touched.

    *verdicts* counts their decisions by version, *learned* how many of their reviews each version was trained or
    measured on; *median_seconds* is of their reviews.
    """

    annotator: int
    reviews: int
    tasks: list[int]
    median_seconds: float | None
    verdicts: dict[str, dict[str, int]]
    learned: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class VersionLineage:
    """Where a version comes from, who taught it, what it did. *taught_by* counts the reviews of each annotator."""

    version: str
    ancestors: list[str]
    snapshot: str | None
    images: dict[str, int]
    taught_by: dict[str, int]
    moves: list[str]
    predictions: int
    tasks: int
    verdicts: dict[str, int]
    taught: list[str]


def of_region(trainings: TrainingRoom, taxonomies: TaxonomyRoom, project_id: int, region_id: str) -> RegionLineage:
    """Trace a region by its id. Raises PayloadError where nobody predicted or drew one."""
    predicted = trainings.reviews.predictions.with_region(project_id, region_id)
    reviews = trainings.reviews.store.kept(project_id, region_id=region_id)
    if not predicted and not reviews:
        raise PayloadError("region", f"the id of a region predicted or drawn in project {project_id}", region_id)
    tasks = sorted({one.task_id for one in predicted} | {one.review.task_id for one in reviews})
    verdicts = [
        verdict
        for task in tasks
        for is_shadow in (False, True)
        for verdict in trainings.reviews.verdicts.all(VerdictFilter(project=project_id, task=task, is_shadow=is_shadow))
        if region_id in _ids(verdict)
    ]
    made_by = {verdict.annotation for verdict in verdicts} | {one.review.id for one in reviews}
    return RegionLineage(
        region=region_id,
        shown=[shown for one in predicted for shown in _shown(one, region_id)],
        drawn=[drawn for one in reviews for drawn in _drawn(one, region_id)],
        verdicts=verdicts,
        learned=[learned for learned in _learned(trainings, project_id) if learned.annotation in made_by],
        matched=list(matched(taxonomies, project_id, predicted, region_id)),
    )


def of_annotator(trainings: TrainingRoom, project_id: int, annotator: int) -> AnnotatorLineage:
    """What an annotator's reviews were and what they went into. Raises PayloadError where there are none."""
    reviews = [one.review for one in trainings.reviews.store.kept(project_id) if one.review.annotator == annotator]
    if not reviews:
        raise PayloadError("annotator", f"a Label Studio user with reviews in project {project_id}", annotator)
    verdicts: dict[str, Counter[str]] = {}
    for verdict in trainings.reviews.verdicts.all(VerdictFilter(project=project_id, annotator=annotator)):
        verdicts.setdefault(verdict.version, Counter())[verdict.decision.value] += 1
    ids = {review.id for review in reviews}
    learned: dict[str, Counter[str]] = {}
    for one in _learned(trainings, project_id):
        if one.annotation in ids:
            learned.setdefault(one.version or f"training {one.training}, {one.state}", Counter())[one.side] += 1
    seconds = [review.lead_time for review in reviews if review.lead_time is not None]
    return AnnotatorLineage(
        annotator=annotator,
        reviews=len(reviews),
        tasks=sorted({review.task_id for review in reviews}),
        median_seconds=median(seconds) if seconds else None,
        verdicts={version: dict(found) for version, found in verdicts.items()},
        learned={version: dict(found) for version, found in learned.items()},
    )


def of_version(trainings: TrainingRoom, project_id: int, name: str) -> VersionLineage:
    """What a version was made of and what it did. Raises UnknownVersion."""
    version = trainings.registry.versions.get(project_id, name)
    versions = {one.name: one for one in trainings.registry.versions.list(project_id)}
    ancestors: list[str] = []
    parent = version.facts.parent
    while parent and parent not in ancestors:
        ancestors.append(parent)
        parent = versions[parent].facts.parent if parent in versions else None
    annotators = {one.review.id: one.review.annotator for one in trainings.reviews.store.kept(project_id)}
    learned = [one for one in _learned(trainings, project_id) if one.version == version.name]
    served = trainings.reviews.predictions.served_by(project_id, version.name)
    decisions = trainings.reviews.verdicts.all(VerdictFilter(project=project_id, version=version.name))
    return VersionLineage(
        version=version.name,
        ancestors=ancestors,
        snapshot=version.facts.snapshot,
        images=dict(Counter(one.side for one in learned)),
        taught_by=dict(Counter(str(annotators.get(one.annotation, "deleted since") or "not known") for one in learned)),
        moves=list(trainings.registry.moves.of_version(project_id, version.name)),
        predictions=served.predictions,
        tasks=served.tasks,
        verdicts=dict(Counter(one.decision.value for one in decisions)),
        taught=[one.name for one in versions.values() if one.facts.parent == version.name],
    )


def _learned(trainings: TrainingRoom, project_id: int) -> Iterator[Learned]:
    """Every review in every dataset that is still here, with what was made of it."""
    for training in trainings.store.all(project_id):
        snapshot = dataset_folder.read(trainings.datasets.snapshots / str(project_id), training.snapshot or "")
        for item in snapshot.items() if snapshot else ():
            if item.annotation is not None and not item.resting:
                kept = (item.side.value, item.annotation)
                yield Learned(training.snapshot or "", *kept, training.id, training.status, training.version)


def _shown(prediction: LoggedPrediction, region_id: str) -> Iterator[Shown]:
    for is_candidate, regions in ((False, prediction.regions), (True, prediction.candidates)):
        for region in regions:
            if region.id == region_id:
                yield Shown(
                    region=region,
                    task=prediction.task_id,
                    version=prediction.version,
                    prediction=prediction.id,
                    execution=prediction.execution,
                    stream=prediction.stream,
                    propensity=prediction.propensity,
                    task_score=prediction.score,
                    served_at=prediction.served_at,
                    is_candidate=is_candidate,
                    is_shadow=prediction.is_shadow,
                )


def _drawn(kept: KeptReview, region_id: str) -> Iterator[Drawn]:
    review = kept.review
    for region in review.regions:
        if region.id == region_id:
            yield Drawn(region, review.task_id, review.id, review.annotator, review.updated_at, kept.is_counted)


def _ids(verdict: VerdictRecord) -> set[str]:
    return {str(region["id"]) for region in (verdict.predicted, verdict.reviewed) if region}
