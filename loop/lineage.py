"""Traces a region, an annotator or a version through all records, to what led to it and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from loop.errors import PayloadError
from loop.label_studio.classes import Synonyms, name_classes
from loop.regions import Region, read_regions
from loop.reviews.review_store import StoredReview
from loop.reviews.verdict_query import VerdictFilter, VerdictRecord
from loop.reviews.verdicts import Decision, judge_double
from loop.serving.store import LoggedPrediction
from loop.taxonomy.recorded_matches import MatchTrace, trace_matches
from loop.taxonomy.room import TaxonomyRoom
from loop.training.room import TrainingRoom


@dataclass(frozen=True, slots=True)
class ShownRegion:
    """
    A region as a version predicted it; *is_candidate*: held back, under the threshold or as a double.

    *decision* is the verdict on a double, if its task is judged: confirmed where a reviewed box of its label is there.
    """

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
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class DrawnRegion:
    """A region as a reviewer left it."""

    region: Region
    task: int
    annotation: int
    annotator: int | None
    reviewed_at: datetime
    is_counted: bool


@dataclass(frozen=True, slots=True)
class ReviewUse:
    """The use of a review: the dataset that holds it, with the training and the version of this dataset."""

    snapshot: str
    side: str
    annotation: int
    training: int
    state: str
    version: str | None


@dataclass(frozen=True, slots=True)
class RegionLineage:
    """All records of one region."""

    region: str
    shown: list[ShownRegion]
    drawn: list[DrawnRegion]
    verdicts: list[VerdictRecord]
    learned: list[ReviewUse]
    matched: list[MatchTrace]


@dataclass(frozen=True, slots=True)
class AnnotatorLineage:
    """
    All records of one annotator.

    *verdicts* counts their decisions by version. *learned* counts, by version and side of the split, their reviews that
    the version was trained or measured on. *median_seconds* is the median time of their reviews.
    """

    annotator: int
    reviews: int
    tasks: list[int]
    median_seconds: float | None
    verdicts: dict[str, dict[str, int]]
    learned: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class VersionLineage:
    """The origin and the use of a version; *taught_by* counts its reviews by annotator, *taught* has its children."""

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
    """Trace a region by its id. Raises PayloadError where no region of this id was predicted or drawn."""
    predicted = trainings.reviews.predictions.with_region(project_id, region_id)
    reviews = trainings.reviews.store.all(project_id, region_id=region_id)
    if not predicted and not reviews:
        raise PayloadError("region", f"the id of a region predicted or drawn in project {project_id}", region_id)
    tasks = sorted({entry.task_id for entry in predicted} | {row.review.task_id for row in reviews})
    judged = [
        verdict
        for task in tasks
        for is_shadow in (False, True)
        for verdict in trainings.reviews.verdicts.all(VerdictFilter(project=project_id, task=task, is_shadow=is_shadow))
    ]
    verdicts = [verdict for verdict in judged if region_id in _ids(verdict)]
    annotations = {verdict.annotation for verdict in verdicts} | {row.review.id for row in reviews}
    synonyms = trainings.studio.classes.synonyms(project_id)
    return RegionLineage(
        region=region_id,
        shown=[region for entry in predicted for region in _trace_shown(entry, region_id, judged, synonyms)],
        drawn=[region for row in reviews for region in _trace_drawn(row, region_id)],
        verdicts=verdicts,
        learned=[use for use in _trace_uses(trainings, project_id) if use.annotation in annotations],
        matched=list(trace_matches(taxonomies, project_id, predicted, region_id)),
    )


def of_annotator(trainings: TrainingRoom, project_id: int, annotator: int) -> AnnotatorLineage:
    """Trace an annotator's reviews and their uses. Raises PayloadError for a user without reviews."""
    reviews = [row.review for row in trainings.reviews.store.all(project_id) if row.review.annotator == annotator]
    if not reviews:
        raise PayloadError("annotator", f"a Label Studio user with reviews in project {project_id}", annotator)
    verdicts: dict[str, Counter[str]] = {}
    for verdict in trainings.reviews.verdicts.all(VerdictFilter(project=project_id, annotator=annotator)):
        verdicts.setdefault(verdict.version, Counter())[verdict.decision.value] += 1
    ids = {review.id for review in reviews}
    learned: dict[str, Counter[str]] = {}
    for use in _trace_uses(trainings, project_id):
        if use.annotation in ids:
            learned.setdefault(use.version or f"training {use.training}, {use.state}", Counter())[use.side] += 1
    seconds = [review.lead_time for review in reviews if review.lead_time is not None]
    return AnnotatorLineage(
        annotator=annotator,
        reviews=len(reviews),
        tasks=sorted({review.task_id for review in reviews}),
        median_seconds=median(seconds) if seconds else None,
        verdicts={version: dict(counts) for version, counts in verdicts.items()},
        learned={version: dict(counts) for version, counts in learned.items()},
    )


def of_version(trainings: TrainingRoom, project_id: int, name: str) -> VersionLineage:
    """Trace a version: its origin, its reviews, its predictions and verdicts. Raises UnknownVersion."""
    version = trainings.registry.versions.get(project_id, name)
    versions = {known.name: known for known in trainings.registry.versions.list(project_id)}
    ancestors: list[str] = []
    parent = version.facts.parent
    while parent and parent not in ancestors:
        ancestors.append(parent)
        parent = versions[parent].facts.parent if parent in versions else None
    annotators = trainings.reviews.facts.read_annotators(project_id)
    uses = list(_trace_uses(trainings, project_id, version.name))
    served = trainings.reviews.predictions.served_by(project_id, version.name)
    wanted = VerdictFilter(project=project_id, version=version.name)
    return VersionLineage(
        version=version.name,
        ancestors=ancestors,
        snapshot=version.facts.snapshot,
        images=dict(Counter(use.side for use in uses)),
        taught_by=dict(Counter(str(annotators.get(use.annotation, "deleted since") or "not known") for use in uses)),
        moves=list(trainings.registry.moves.of_version(project_id, version.name)),
        predictions=served.predictions,
        tasks=served.tasks,
        verdicts=trainings.reviews.verdicts.count(wanted),
        taught=[child.name for child in versions.values() if child.facts.parent == version.name],
    )


def _trace_uses(trainings: TrainingRoom, project_id: int, version: str | None = None) -> Iterator[ReviewUse]:
    """Yield every use of a review in a dataset that still exists, of one version or all."""
    for training in trainings.store.all(project_id):
        if version not in (None, training.version):
            continue
        snapshot = trainings.datasets.snapshots.read_list(project_id, training.snapshot or "")
        for item in snapshot.items() if snapshot else ():
            if item.annotation is not None and not item.resting:
                place = (item.side.value, item.annotation)
                yield ReviewUse(training.snapshot or "", *place, training.id, training.status, training.version)


def _trace_shown(
    prediction: LoggedPrediction, region_id: str, judged: Sequence[VerdictRecord], synonyms: Synonyms
) -> Iterator[ShownRegion]:
    for is_candidate, regions in ((False, prediction.regions), (True, (*prediction.candidates, *prediction.foreign))):
        for region in regions:
            if region.id == region_id:
                yield ShownRegion(
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
                    decision=_judge_double(
                        region, [one for one in judged if one.prediction == prediction.id], synonyms
                    ),
                )


def _judge_double(region: Region, judged: Sequence[VerdictRecord], synonyms: Synonyms) -> Decision | None:
    """Judge a double by the verdicts on its prediction; None for any other region, and without verdicts."""
    if not region.double_of or not judged:
        return None
    reviewed = read_regions(one.reviewed for one in judged if one.reviewed)
    (double,) = name_classes([region], synonyms)
    return judge_double(double, name_classes(reviewed, synonyms))


def _trace_drawn(row: StoredReview, region_id: str) -> Iterator[DrawnRegion]:
    review = row.review
    for region in review.regions:
        if region.id == region_id:
            yield DrawnRegion(region, review.task_id, review.id, review.annotator, review.updated_at, row.is_counted)


def _ids(verdict: VerdictRecord) -> set[str]:
    return {str(region["id"]) for region in (verdict.predicted, verdict.reviewed) if region}
