"""How many wrong boxes are accepted, and how large an audit it takes."""

import math

import pytest

from loop.rates.accept.bound import choose, count_needed, expect_right
from loop.rates.accept.evidence import RISK, AuditedImage, Limit, SureImage
from scripts.bench.accept import KINDS, play


def alike(count, *, certainty=0.9, boxes=1, wrong=0):
    return [AuditedImage(certainty, boxes, boxes if number < wrong else 0, boxes) for number in range(count)]


def others(count, *, certainty=0.9, boxes=1):
    return [SureImage(certainty, boxes)] * count


@pytest.mark.parametrize("kind", KINDS)
def test_the_promised_share_is_kept_in_nearly_all_studies(kind):
    accepted = [play(kind, seed, error=0.05) for seed in range(20)]

    broken = sum(each is not None and each.wrong > 0.05 for each in accepted)
    assert broken <= 3  # 4 or more of 20 have a chance of 1.6% if the bound is kept in just 95 of 100


def test_something_is_accepted_where_predictions_are_good():
    assert sum(play("many boxes", seed, error=0.05) is not None for seed in range(5)) >= 4


@pytest.mark.long(reason="1,200 simulated studies")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [0.02, 0.05, 0.1])
def test_the_promised_share_is_kept_in_95_of_100_studies(kind, error):
    accepted = [play(kind, seed, error) for seed in range(200)]

    broken = sum(each is not None and each.wrong > error for each in accepted)
    assert broken <= RISK * 200 + 3 * math.sqrt(200 * RISK * (1 - RISK))


@pytest.mark.parametrize(("wrong", "is_accepted"), [(0, True), (1, True), (30, False)])
def test_wrong_boxes_of_the_audit_count_against_a_limit(wrong, is_accepted):
    chosen = choose(alike(300, wrong=wrong), others(5000), 0.05)

    assert (chosen == Limit(0.9, 1)) is is_accepted


@pytest.mark.parametrize(("images", "missed"), [(2, 20), (12, 2)])
def test_boxes_that_were_missed_together_on_few_images_count_each(images, missed):
    """More than 5% of all boxes of the audit are wrong, though not of those that were predicted."""
    crowded = [AuditedImage(0.9, 1, missed, missed + 1)] * images

    assert choose([*crowded, *alike(400 - images)], others(1000), 0.05) is None


def test_no_audit_accepts_nothing():
    assert choose([], others(100), 0.02) is None
    assert choose(alike(500), [], 0.02) is None
    assert choose([], [], 0.02) is None


def test_few_audited_tasks_accept_nothing_however_good():
    """With none of 50 wrong, as many as 6% may be."""
    assert choose(alike(50), others(5000), 0.02) is None


def test_a_promise_on_few_tasks_takes_more_than_one_on_many():
    """One wrong box among twenty is 5% of them: their own chance counts, beside that of the audit."""
    audited = alike(250, wrong=1)

    assert choose(audited, others(5000), 0.04)
    assert choose(audited, others(10), 0.04) is None


def test_surer_images_are_accepted_where_others_are_not():
    audited = [*alike(300), *alike(300, certainty=0.2, wrong=90)]
    rest = [*others(3000), *others(3000, certainty=0.2)]

    assert choose(audited, rest, 0.05) == Limit(0.9, 1)


def test_crowded_images_are_left_out_where_the_audit_cannot_tell():
    audited = [*alike(300), *alike(3, boxes=60)]
    rest = [*others(3000), *others(30, boxes=60)]

    assert choose(audited, rest, 0.05) == Limit(0.9, 1)


def test_images_without_a_box_are_never_accepted():
    limit = choose(alike(300), [*others(3000), *others(50, boxes=0)], 0.05)

    assert limit is not None
    assert not limit.takes(SureImage(1.0, 0))


def test_nothing_is_accepted_where_the_rest_is_less_certain_than_the_audit():
    audited = [AuditedImage(0.5 + number / 600, 1, 0, 1) for number in range(300)]
    rest = [SureImage(0.5 + number / 20_000, 1) for number in range(3000)]

    assert choose(audited, rest, 0.05) is None


def test_the_audit_that_is_named_is_enough_and_not_far_too_large():
    needed = count_needed(alike(40), others(5000), 0.02)

    assert needed is not None
    assert choose(alike(needed), others(5000), 0.02)
    assert choose(alike(needed // 2), others(5000), 0.02) is None


def test_an_audit_that_has_not_begun_is_counted_from_the_predictions():
    """None of 149 wrong bounds the share by 2% (Clopper, Pearson); what is to spare comes on top."""
    needed = count_needed([], others(5000), 0.02)

    assert needed is not None
    assert 149 < needed < 400


def test_no_number_is_enough_where_too_many_boxes_are_wrong():
    assert count_needed(alike(100, wrong=10), others(5000), 0.02) is None
    assert count_needed([], [], 0.02) is None


def test_the_share_to_expect_counts_doubtful_boxes_shown_or_held_back():
    assert expect_right([], [0.2], 0.25) == 0.0
    assert expect_right([0.9, 0.7], [], 0.25) == pytest.approx(0.8)
    assert expect_right([0.9], [0.125], 0.25) == pytest.approx(0.65)
    assert expect_right([0.3], [0.2, 0.2, 0.2], 0.25) == 0.0
