"""Which task comes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.serving.queue_order import NOTHING_KNOWN, AuditPolicy, audit_draw, audit_score, task_score

confidences = st.lists(st.floats(0.001, 1.0), max_size=30)
thresholds = st.floats(0.05, 0.95)


@given(confidences, thresholds)
def test_the_score_is_a_number_from_0_to_1(detections, threshold):
    assert 0.0 <= task_score(detections, threshold) <= 1.0


@given(confidences.filter(len), thresholds)
def test_one_more_doubtful_box_never_makes_a_task_surer(detections, threshold):
    assert task_score([*detections, threshold], threshold) <= task_score([*detections, 1.0], threshold)


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
