"""Which task comes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.regions import Box, Region
from loop.serving.queue_order import (
    HARDEST,
    NOTHING_KNOWN,
    OF_SHOWN,
    AuditPolicy,
    QueueOrder,
    Ranking,
    audit_draw,
    audit_score,
    task_score,
)

confidences = st.lists(st.floats(0.001, 1.0), max_size=30)
thresholds = st.floats(0.05, 0.95)
PRODUCTS = (QueueOrder.PRODUCT, QueueOrder.PER_BOX, QueueOrder.WEAK_CLASSES)
SCORED = (*PRODUCTS, *OF_SHOWN)  # all orders but the random one, which looks at no box
orders = st.sampled_from(SCORED)


def test_every_order_is_tested():
    assert {*SCORED, QueueOrder.RANDOM} == set(QueueOrder)


@given(confidences, thresholds, orders)
def test_the_score_is_a_number_from_0_to_1(detections, threshold, order):
    assert 0.0 <= task_score(detections, threshold, order) <= 1.0


@given(confidences, thresholds, orders, st.randoms(use_true_random=False))
def test_the_order_of_the_boxes_changes_nothing(detections, threshold, order, random):
    shuffled = random.sample(detections, len(detections))

    assert task_score(shuffled, threshold, order) == task_score(detections, threshold, order)


@given(confidences.filter(len), thresholds)
def test_one_more_doubtful_box_never_makes_a_task_surer(detections, threshold):
    assert task_score([*detections, threshold], threshold) <= task_score([*detections, 1.0], threshold)


@given(confidences, thresholds, st.floats(0.0, 1.0), st.sampled_from([*PRODUCTS, QueueOrder.LEAST, QueueOrder.MEAN]))
def test_a_shown_box_that_is_surer_makes_its_task_no_less_sure(detections, threshold, rise, order):
    surer = threshold + rise * (1.0 - threshold)

    doubtful = task_score([*detections, threshold], threshold, order)

    assert task_score([*detections, surer], threshold, order) >= doubtful - 1e-12


@given(confidences, thresholds, st.floats(0.0, 1.0), st.sampled_from([QueueOrder.ENTROPY, QueueOrder.MARGIN]))
def test_a_shown_box_nearer_to_one_half_makes_its_task_no_surer(detections, threshold, way, order):
    far = max(threshold, 1.0)
    near = far + way * (max(threshold, 0.5) - far)

    assert task_score([*detections, near], threshold, order) <= task_score([*detections, far], threshold, order) + 1e-12


@given(st.lists(st.floats(0.001, 0.999), max_size=30), orders)
def test_an_image_on_which_nothing_is_shown_has_at_most_the_score_of_nothing_known(held_back, order):
    assert task_score(held_back, 1.0, order) <= NOTHING_KNOWN


@pytest.mark.parametrize("order", OF_SHOWN)
@given(detections=confidences, threshold=thresholds)
def test_an_image_on_which_nothing_is_shown_is_scored_alike_by_all_that_look_at_shown_boxes(
    order, detections, threshold
):
    held_back = [confidence for confidence in detections if confidence < threshold]

    assert task_score(held_back, threshold, order) == task_score(held_back, threshold)


@given(st.floats(0.3, 1.0), st.integers(1, 40))
def test_the_number_of_equal_boxes_counts_in_the_product_alone(confidence, count):
    boxes = [confidence] * count

    assert task_score(boxes, 0.25) == pytest.approx(confidence**count)
    for order in (QueueOrder.PER_BOX, QueueOrder.LEAST, QueueOrder.MEAN):
        assert task_score(boxes, 0.25, order) == pytest.approx(confidence)


def test_entropy_and_margin_find_one_half_the_least_certain():
    for order in (QueueOrder.ENTROPY, QueueOrder.MARGIN):
        assert task_score([0.5], 0.25, order) == 0.0
        assert task_score([1.0], 0.25, order) == 1.0
        assert task_score([0.3], 0.25, order) == pytest.approx(task_score([0.7], 0.25, order))


def boxes(*labelled):
    return [Region(label, Box(0, 0, 1, 1), label, confidence) for label, confidence in labelled]


def weak_classes(**precisions):
    return Ranking(QueueOrder.WEAK_CLASSES, lambda project, version: precisions if version == "a@1" else {})


def test_a_box_of_a_weak_class_counts_more_and_one_of_an_unmeasured_class_most():
    ranking = weak_classes(Car=0.9, Person=0.2)

    car, person, dog = (ranking.score(1, 7, "a@1", boxes((label, 0.6)), 0.25) for label in ("Car", "Person", "Dog"))

    assert (car, person, dog) == pytest.approx((0.6**1.1, 0.6**1.8, 0.6**HARDEST))


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), confidences)
def test_a_class_that_is_measured_worse_never_makes_a_task_surer(one, other, detections):
    worse, better = sorted((one, other))
    found = boxes(*(("Car", confidence) for confidence in detections))

    by_worse, by_better = (weak_classes(Car=precision).score(1, 7, "a@1", found, 0.25) for precision in (worse, better))

    assert by_worse <= by_better


def test_the_precisions_are_those_of_the_version_that_predicted():
    ranking = weak_classes(Car=1.0)

    assert ranking.score(1, 7, "a@1", boxes(("Car", 0.6)), 0.25) == pytest.approx(0.6)
    assert ranking.score(1, 7, "b@1", boxes(("Car", 0.6)), 0.25) == pytest.approx(0.6**HARDEST)


def test_the_random_order_looks_at_no_box_and_is_the_same_for_every_version():
    ranking = Ranking(QueueOrder.RANDOM)

    scores = [ranking.score(1, task, "a@1", boxes(("Car", 0.9)), 0.25) for task in range(1000)]

    assert scores == [ranking.score(1, task, "b@1", (), 0.25) for task in range(1000)]
    assert sum(scores) / 1000 == pytest.approx(0.5, abs=0.05)
    assert scores != [ranking.score(2, task, "a@1", (), 0.25) for task in range(1000)]


def test_a_doubtful_box_comes_before_a_sure_one():
    assert task_score([0.3], 0.25) < task_score([0.9], 0.25)


def test_one_doubtful_box_among_sure_ones_comes_before_sure_ones_only():
    assert task_score([0.95, 0.95, 0.3], 0.25) < task_score([0.8, 0.8, 0.8], 0.25)


def test_nothing_found_is_neither_first_nor_last():
    assert task_score([0.3], 0.25) < task_score([], 0.25) == NOTHING_KNOWN < task_score([0.9], 0.25)


def test_what_lies_just_under_the_threshold_decides_for_an_empty_image():
    assert task_score([0.24], 0.25) < task_score([0.06], 0.25) < NOTHING_KNOWN


def test_a_threshold_of_zero_shows_all_and_divides_by_nothing():
    assert task_score([0.01, 0.9], 0.0) > 0.0


def test_the_audit_is_the_share_asked_for_and_depends_on_the_ids_alone():
    drawn = [audit_draw(1, task_id, AuditPolicy(0.05)) for task_id in range(20_000)]

    assert sum(one is not None for one in drawn) / len(drawn) == pytest.approx(0.05, abs=0.005)
    assert drawn == [audit_draw(1, task_id, AuditPolicy(0.05)) for task_id in range(20_000)]
    assert drawn != [audit_draw(2, task_id, AuditPolicy(0.05)) for task_id in range(20_000)]


def test_audited_tasks_stand_all_over_the_queue():
    queue = [n / 1000 for n in range(100)]  # all of the queue in one tenth of the scale

    placed = [audit_score(draw / 10, queue) for draw in range(10)]

    assert placed == pytest.approx([n / 100 for n in range(10)])


def test_an_audited_task_alone_keeps_its_draw():
    assert audit_score(0.7, []) == 0.7
