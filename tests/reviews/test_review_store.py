"""The records of reviews."""

from datetime import UTC, datetime, timedelta

import pytest

from loop.reviews.standing import ANNOTATION, TASK
from tests.builders import NOON, region, review


def test_the_newest_state_of_a_review_is_kept_in_either_order(rooms):
    first, edited = review(region("a")), review(region("a", "Person"), edited=5)

    for order in ([first, edited], [edited, first]):
        for state in order:
            rooms.reviews.store.record(state, {"image": "/data/a.jpg"})

    assert rooms.reviews.store.find_counted(1)[1].review.regions[0].label == "Person"


def test_ground_truth_counts_before_the_latest(rooms):
    rooms.reviews.store.record(review(region("a"), annotation=1, is_ground_truth=True), {})
    rooms.reviews.store.record(review(region("b"), annotation=2, minutes=5), {})

    assert rooms.reviews.store.find_counted(1)[1].review.id == 1


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_reviews_of_the_same_time_one_counts_in_whatever_order_they_came(rooms, order):
    for annotation in order:
        rooms.reviews.store.record(review(region("a"), annotation=annotation), {})

    assert rooms.reviews.store.find_counted(1)[1].review.id == 2


def test_a_skip_does_not_count_and_an_empty_review_does(rooms):
    rooms.reviews.store.record(review(task=1, annotation=1, is_skipped=True), {})
    rooms.reviews.store.record(review(task=2, annotation=2), {})

    assert list(rooms.reviews.store.find_counted(1)) == [2]


def test_a_deleted_review_does_not_count_and_the_one_before_it_does(rooms):
    rooms.reviews.store.record(review(region("a"), annotation=1), {})
    rooms.reviews.store.record(review(region("b"), annotation=2, minutes=5), {})

    touched = rooms.reviews.store.delete(1, "annotation", {2: NOON + timedelta(minutes=9)})

    assert touched == [1]
    assert rooms.reviews.store.find_counted(1)[1].review.id == 1


def test_what_stands_is_known_by_id_and_moment(rooms):
    rooms.reviews.store.record(review(region("a"), annotation=1), {})
    rooms.reviews.store.record(review(region("b"), annotation=2, task=2, minutes=5), {})
    rooms.reviews.store.delete(1, ANNOTATION, {1: NOON})

    assert rooms.reviews.store.standing(1, ANNOTATION) == {2: NOON + timedelta(minutes=5)}
    assert rooms.reviews.store.standing(1, TASK) == {2: NOON + timedelta(minutes=5)}
    assert rooms.reviews.store.standing(1, ANNOTATION, task_id=1) == {}


def test_a_deletion_that_comes_before_its_review_is_remembered(rooms):
    rooms.reviews.store.delete(1, "annotation", {1: NOON + timedelta(minutes=9)})

    rooms.reviews.store.record(review(region("a"), annotation=1), {})

    assert not rooms.reviews.store.find_counted(1)


def test_an_id_given_out_again_is_another_review(rooms):
    rooms.reviews.store.record(review(region("a"), annotation=1), {})
    rooms.reviews.store.delete(1, "annotation", {1: NOON + timedelta(minutes=9)})

    rooms.reviews.store.record(review(region("b"), annotation=1, task=2, minutes=20), {})

    assert list(rooms.reviews.store.find_counted(1)) == [2]


def test_an_id_given_out_again_ends_the_annotation_that_had_it(rooms):
    for order in ((0, 20), (20, 0)):
        for minutes in order:
            rooms.reviews.store.record(review(region("a"), annotation=1, task=1 + minutes, minutes=minutes), {})

    assert list(rooms.reviews.store.find_counted(1)) == [21]


def test_the_reviews_of_a_deleted_task_do_not_count(rooms):
    rooms.reviews.store.record(review(region("a"), task=1), {})

    rooms.reviews.store.delete(1, "task", {1: NOON + timedelta(minutes=9)})

    assert not rooms.reviews.store.find_counted(1)
    assert rooms.reviews.store.new_since(1, None) == 0


def test_new_reviews_are_counted_by_task(rooms):
    rooms.reviews.store.record(review(annotation=1), {})
    rooms.reviews.store.record(review(annotation=2, minutes=1), {})
    moment = datetime.now(UTC)
    rooms.reviews.store.record(review(annotation=3, task=2), {})

    assert rooms.reviews.store.new_since(1, None) == 2
    assert rooms.reviews.store.new_since(1, moment) == 1


def test_projects_do_not_see_each_others_reviews(rooms):
    rooms.reviews.store.record(review(region("a"), project=1), {})
    rooms.reviews.store.record(review(region("b"), project=2, task=9), {})

    assert list(rooms.reviews.store.find_counted(1)) == [1]
    assert list(rooms.reviews.store.find_counted(2)) == [9]
