"""A version that was trained on the first annotation of a task is in no rate by the second; the first one stays in."""

import pytest

from loop.rates.assess import RatesRequest, assess, measure_seconds_by_version
from loop.rates.rates import Grouping
from loop.reviews.judging import judge_tasks
from loop.reviews.verdict_query import VerdictFilter
from loop.serving.pre_annotate import make_log_entries
from loop.serving.predict import Suggestion
from loop.serving.store import KNOWN, QUEUE
from loop.vision.addresses import identify
from tests.builders import region, review, served

IMAGE = "/data/upload/1/a.jpg"
LEARNT, HELD_OUT, NEW = 1, 2, 3


@pytest.fixture
def shared(rooms):
    """Annotator 1 relabels what a@1 found on two tasks, one of which b@2 learns; it predicts them for annotator 2."""
    for task in (LEARNT, HELD_OUT):
        rooms.serving.predictions.append([served(region(f"a{task}"), task=task, version="a@1")])
        answer(rooms, task, 1, region(f"a{task}", label="Person"), lead_time=10.0)
    rooms.datasets.splits.keep_sides(1, {LEARNT: False, HELD_OUT: True})
    train(rooms, "b@2")
    answer(rooms, NEW, 1, region("drawn"), minutes=5)
    rooms.serving.predictions.append(predict(rooms, "b@2"))
    return rooms


def answer(rooms, task, annotator, *regions, **fields):
    made = review(*regions, annotation=task * 10 + annotator, task=task, annotator=annotator, **fields)
    rooms.reviews.store.record(made, {"image": IMAGE})
    judge_tasks(rooms.reviews, 1, [task])


def train(rooms, version):
    training = rooms.trainings.store.ask(1, "a test")
    until = max(stored.review.created_at for stored in rooms.reviews.store.all(1))
    rooms.trainings.store.note(training.id, version=version, reviews_until=until)


def predict(rooms, version):
    suggestions = [
        Suggestion(task, version, (region(f"{version}-{task}", label="Person"),), (), 0.25, 0.5, identify(IMAGE))
        for task in (LEARNT, HELD_OUT, NEW)
    ]
    return make_log_entries(rooms.serving, suggestions, 1, execution="x")


def answer_again(rooms):
    for task in (LEARNT, HELD_OUT):
        answer(rooms, task, 2, region(f"b@2-{task}", label="Person"), minutes=9, lead_time=4.0)


def test_a_prediction_for_a_task_that_its_version_learnt_counts_as_known(shared):
    shared.datasets.splits.keep_sides(1, {NEW: False})  # of a later dataset

    streams = {entry.task_id: entry.stream for entry in predict(shared, "b@2")}

    assert streams == {LEARNT: KNOWN, HELD_OUT: QUEUE, NEW: QUEUE}
    assert {entry.stream for entry in predict(shared, "a@1")} == {QUEUE}


def test_a_version_is_rated_by_no_task_that_it_learnt_and_the_version_before_still_is(shared):
    answer_again(shared)

    rated = {group.name: group.rates for group in assess(shared.rates, 1, RatesRequest()).groups}
    assert {version: (rates.confirmed, rates.corrected) for version, rates in rated.items()} == {
        "a@1": (0, 1),
        "b@2": (1, 0),
    }
    by_annotator = assess(shared.rates, 1, RatesRequest(by=Grouping.ANNOTATOR)).groups
    assert {group.name: group.rates.predicted for group in by_annotator} == {"1": 1, "2": 1}


def test_the_verdicts_of_both_annotators_are_kept(shared):
    answer_again(shared)

    verdicts = shared.reviews.verdicts.all(VerdictFilter(project=1, task=LEARNT))

    assert [(each.annotator, each.version, each.stream, each.decision) for each in verdicts] == [
        (1, "a@1", QUEUE, "corrected"),
        (2, "b@2", KNOWN, "confirmed"),
    ]


def test_the_time_of_a_task_is_that_of_the_review_which_is_rated(shared):
    answer_again(shared)

    seconds = measure_seconds_by_version(shared.rates, 1)

    medians = {version: times["boxes shown"].a_task.median for version, times in seconds.items() if version != "(none)"}
    assert medians == {"a@1": 10.0, "b@2": 4.0}


def test_a_review_that_was_deleted_is_rated_no_more(shared):
    answer_again(shared)
    first = next(stored.review for stored in shared.reviews.store.all(1) if stored.review.id == LEARNT * 10 + 1)

    shared.reviews.store.delete(1, "annotation", {first.id: first.created_at})
    judge_tasks(shared.reviews, 1, [LEARNT])

    assert list(shared.rates.store.count_by_version(1)) == ["b@2"]
    assert shared.reviews.verdicts.count(VerdictFilter(project=1, task=LEARNT)) == {"confirmed": 1}
