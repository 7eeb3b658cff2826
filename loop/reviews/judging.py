"""Judge the tasks of a project: verdicts from the review that counts and the prediction that the reviewer saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from loop.errors import UpstreamError
from loop.failures import Fault, attempt, attempt_all
from loop.label_studio.classes import Synonyms, name_classes
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import Review
from loop.notices import NoticeKind
from loop.reviews.review_store import CountedReview
from loop.reviews.room import ReviewsRoom
from loop.reviews.set_aside import Step
from loop.reviews.verdicts import Verdict, judge, judge_by_overlap, seen_by_reviewer, shares_an_id
from loop.serving.store import KNOWN, LoggedPrediction
from loop.storage.queries import chunked


def judge_tasks(reviews: ReviewsRoom, project_id: int, task_ids: Iterable[int]) -> None:
    """
    Replace the verdicts of tasks. A review that is unread in part gives no verdicts.

    Labels are compared, and recorded with the verdicts, by the current names of their classes.
    A task that cannot be judged is set aside until it can be.
    """
    ids, faults = list(task_ids), dict[int, Fault]()
    config = attempt(lambda: reviews.studio.projects.get(project_id).config())
    for some_ids in chunked(ids):
        latest = attempt_all(partial(_find_latest, reviews, project_id), some_ids)
        for task_id, counted in zip(some_ids, latest, strict=True):
            fault = _judge_task(reviews, project_id, task_id, counted, config)
            if fault:
                reviews.verdicts.replace(project_id, task_id, None)
                faults[task_id] = fault
    if ids:
        errors = {task_id: fault.error for task_id, fault in faults.items()}
        for task_id in reviews.set_aside.replace(project_id, Step.JUDGE, ids, errors):
            faults[task_id].log(f"project {project_id} task {task_id}")
        reviews.vision.ask_vectors(project_id)


def _find_latest(reviews: ReviewsRoom, project_id: int, task_ids: Sequence[int]) -> list[CountedReview | None]:
    """Return the review of each task that would count, including reviews that are unread in part."""
    latest = reviews.store.latest(project_id, task_ids)
    return [latest.get(task_id) for task_id in task_ids]


def _judge_task(
    reviews: ReviewsRoom,
    project_id: int,
    task_id: int,
    counted: CountedReview | Fault | None,
    config: LabelConfig | Fault,
) -> Fault | None:
    if isinstance(counted, Fault):
        return counted
    if isinstance(config, Fault):
        return config
    return attempt(partial(_judge, reviews, project_id, task_id, counted, config))


def _judge(
    reviews: ReviewsRoom, project_id: int, task_id: int, counted: CountedReview | None, config: LabelConfig
) -> None:
    if counted is None:
        reviews.verdicts.replace(project_id, task_id, None)
        return
    review = replace(counted.review, regions=name_classes(counted.review.regions, config.synonyms))
    image = counted.image(config.image_key)
    # with an import nobody saw a prediction
    seen = None if review.is_imported else _find_seen(reviews, review, image, config.synonyms)
    verdicts: list[Verdict] = []
    if seen is None or review.unread:
        reviews.verdicts.replace(project_id, task_id, None)
    else:
        verdicts = judge(seen.regions, review.regions)
        shadows = _judge_shadows(reviews, review, seen.image, config.synonyms)
        earlier = _judge_earlier(reviews, review, image, config.synonyms) if seen.stream == KNOWN else None
        reviews.verdicts.replace(project_id, task_id, (review, seen, verdicts), earlier, *shadows)
    _post_notice(reviews, review, seen, verdicts)


def _judge_earlier(
    reviews: ReviewsRoom, counted: Review, image: str | None, synonyms: Synonyms
) -> tuple[Review, LoggedPrediction, list[Verdict]] | None:
    """Judge the newest other review whose prediction was made before the answer was known: the rates have that one."""
    others = reviews.facts.read_shared(counted.project_id, counted.task_id)
    for other in sorted(others, key=lambda review: (review.updated_at, review.id), reverse=True):
        if other.id != counted.id and not other.is_imported:
            review = replace(other, regions=name_classes(other.regions, synonyms))
            seen = _find_seen(reviews, review, image, synonyms)
            if seen and seen.stream != KNOWN:
                return review, seen, judge(seen.regions, review.regions)
    return None


def _post_notice(
    reviews: ReviewsRoom, review: Review, seen: LoggedPrediction | None, verdicts: Sequence[Verdict]
) -> None:
    """Post a notice on a review that counts, once for each state of the review."""
    body = {
        "task": review.task_id,
        "annotation": review.id,
        "annotator": review.annotator,
        "reviewed_at": review.updated_at.isoformat(),
        "regions": len(review.regions),
        "version": seen.version if seen else None,
        "verdicts": dict(Counter(verdict.decision.value for verdict in verdicts)),
        **({"unread": [part.text for part in review.unread]} if review.unread else {}),
    }
    state = f"{review.id}:{review.updated_at.isoformat()}{':unread' if review.unread else ''}"
    reviews.outbox.post(review.project_id, NoticeKind.REVIEW_RECORDED, state, body)


def _judge_shadows(
    reviews: ReviewsRoom, review: Review, image: str, synonyms: Synonyms
) -> list[tuple[Review, LoggedPrediction, list[Verdict]]]:
    """Judge the newest prediction of each shadow by overlap, because the reviewer did not see it."""
    predictions = _read_predictions(reviews, review, synonyms, is_shadow=True)
    newest = {prediction.version: prediction for prediction in predictions if prediction.image == image}
    return [
        (review, prediction, judge_by_overlap(prediction.regions, review.regions)) for prediction in newest.values()
    ]


def _read_predictions(
    reviews: ReviewsRoom, review: Review, synonyms: Synonyms, *, is_shadow: bool = False
) -> list[LoggedPrediction]:
    predictions = reviews.predictions.of_task(review.project_id, review.task_id, is_shadow=is_shadow)
    return [replace(prediction, regions=name_classes(prediction.regions, synonyms)) for prediction in predictions]


def _find_seen(reviews: ReviewsRoom, review: Review, image: str | None, synonyms: Synonyms) -> LoggedPrediction | None:
    """Return the prediction of the task's *image* that the reviewer saw, if any."""
    served = _read_predictions(reviews, review, synonyms)
    if image:  # a prediction of another image is of a deleted task with the same id, or of a replaced image
        served = [prediction for prediction in served if prediction.image == image]
    versions = {prediction.version for prediction in served}
    if len(versions) > 1 and not shares_an_id(review.regions, [prediction.regions for prediction in served]):
        version = _parent_version(reviews, review)
        served = [prediction for prediction in served if prediction.version == version] or served
    timed_regions = [(prediction.served_at.timestamp(), prediction.regions) for prediction in served]
    index = seen_by_reviewer(review.regions, review.began_at, timed_regions)
    if index is None and review.parent_prediction is not None and served:
        index = 0  # the review has a parent prediction, so the clocks of the two machines differ
    return None if index is None else served[index]


def _parent_version(reviews: ReviewsRoom, review: Review) -> str | None:
    """Return the version that the annotation was made from, None if Label Studio has deleted that prediction."""
    if review.parent_prediction is None:
        return None
    try:
        return reviews.studio.client.prediction(review.parent_prediction).version
    except UpstreamError:
        return None
