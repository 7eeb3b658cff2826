"""Judge the tasks of a project anew: what reviewers decided about what was predicted for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from loop.errors import UpstreamError
from loop.failures import Fault, attempt, attempt_all
from loop.label_studio.payloads import Review
from loop.notices import NoticeKind
from loop.reviews.judge_by_overlap import judge_by_overlap
from loop.reviews.review_store import CountedReview
from loop.reviews.room import ReviewsRoom
from loop.reviews.set_aside import Step
from loop.reviews.verdicts import Verdict, judge, seen_by_reviewer, shares_an_id
from loop.serving.store import LoggedPrediction
from loop.storage.queries import chunked


def judge_tasks(reviews: ReviewsRoom, project_id: int, task_ids: Iterable[int]) -> None:
    """
    Derive the verdicts of tasks anew from the review that counts and the prediction it was made on.

    A review that is not read whole judges nothing; a task that this fails for is set aside until it can be judged.
    """
    ids, faults = list(task_ids), dict[int, Fault]()
    image_key = attempt(lambda: reviews.studio.projects.get(project_id).config().image_key)
    for some in chunked(ids):
        found = attempt_all(partial(_latest, reviews, project_id), some)
        for task_id, standing in zip(some, found, strict=True):
            fault = _judge_task(reviews, project_id, task_id, standing, image_key)
            if fault:
                reviews.verdicts.replace(project_id, task_id, None)
                faults[task_id] = fault
    if ids:
        errors = {task_id: fault.error for task_id, fault in faults.items()}
        for task_id in reviews.set_aside.replace(project_id, Step.JUDGE, ids, errors):
            faults[task_id].log(f"project {project_id} task {task_id}")
        reviews.vision.ask_vectors(project_id)


def _latest(reviews: ReviewsRoom, project_id: int, task_ids: Sequence[int]) -> list[CountedReview | None]:
    """The review of each task that would count, those included that are unread in part."""
    found = reviews.store.latest(project_id, task_ids)
    return [found.get(task_id) for task_id in task_ids]


def _judge_task(
    reviews: ReviewsRoom, project_id: int, task_id: int, standing: CountedReview | Fault | None, image_key: str | Fault
) -> Fault | None:
    if isinstance(standing, Fault):
        return standing
    if isinstance(image_key, Fault):
        return image_key
    return attempt(partial(_judge, reviews, project_id, task_id, standing, image_key))


def _judge(reviews: ReviewsRoom, project_id: int, task_id: int, standing: CountedReview | None, image_key: str) -> None:
    seen = _seen_by(reviews, standing.review, standing.image(image_key)) if standing else None
    verdicts: list[Verdict] = []
    if standing is None or seen is None or standing.review.unread:
        reviews.verdicts.replace(project_id, task_id, None)
    else:
        verdicts = judge(seen.regions, standing.review.regions)
        shadows = _judged_shadows(reviews, standing.review, seen.image)
        reviews.verdicts.replace(project_id, task_id, (standing.review, seen, verdicts), *shadows)
    if standing:
        _tell(reviews, standing.review, seen, verdicts)


def _tell(reviews: ReviewsRoom, review: Review, seen: LoggedPrediction | None, verdicts: Sequence[Verdict]) -> None:
    """Have others told of a review that counts, once for each state it is in."""
    said = {
        "task": review.task_id,
        "annotation": review.id,
        "annotator": review.annotator,
        "reviewed_at": review.updated_at.isoformat(),
        "regions": len(review.regions),
        "version": seen.version if seen else None,
        "verdicts": dict(Counter(one.decision.value for one in verdicts)),
        **({"unread": [one.text for one in review.unread]} if review.unread else {}),
    }
    state = f"{review.id}:{review.updated_at.isoformat()}{':unread' if review.unread else ''}"
    reviews.outbox.post(review.project_id, NoticeKind.REVIEW_RECORDED, state, said)


def _judged_shadows(
    reviews: ReviewsRoom, review: Review, image: str
) -> list[tuple[Review, LoggedPrediction, list[Verdict]]]:
    """What the versions that answered beside the champion would have got; nobody saw them, so only overlap tells."""
    said = reviews.predictions.of_task(review.project_id, review.task_id, is_shadow=True)
    newest = {one.version: one for one in said if one.image == image}
    return [(review, one, judge_by_overlap(one.regions, review.regions)) for one in newest.values()]


def _seen_by(reviews: ReviewsRoom, review: Review, image: str | None) -> LoggedPrediction | None:
    """The prediction of the task's *image* that the reviewer had in front of them, if any."""
    served = reviews.predictions.of_task(review.project_id, review.task_id)
    if image:  # another image under the same id was another task, or was replaced
        served = [one for one in served if one.image == image]
    if len({one.version for one in served}) > 1 and not shares_an_id(review.regions, [one.regions for one in served]):
        version = _parent_version(reviews, review)
        served = [one for one in served if one.version == version] or served
    known = [(one.served_at.timestamp(), one.regions) for one in served]
    index = seen_by_reviewer(review.regions, review.began_at, known)
    if index is None and review.parent_prediction is not None and served:
        index = 0  # Label Studio says that there was one, so the clocks of the two machines differ
    return None if index is None else served[index]


def _parent_version(reviews: ReviewsRoom, review: Review) -> str | None:
    """The version that Label Studio says an annotation was made from; it forgets when the prediction is deleted."""
    if review.parent_prediction is None:
        return None
    try:
        return reviews.studio.client.prediction(review.parent_prediction).version
    except UpstreamError:
        return None
