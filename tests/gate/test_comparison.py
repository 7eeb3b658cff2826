"""Candidate and champion on the same images."""

from dataclasses import replace

import numpy as np
import pytest

from loop.gate.comparison import contrast
from loop.gate.evaluation import PredictedBoxes, one_kind
from loop.gate.report import list_broken, list_fixed
from scripts.bench.harmed_evaluations import draw, harm
from tests.gate.builders import evaluation

GOOD = evaluation(80)
BAD = harm(GOOD, 0.4, seed=1)


def test_the_better_one_leads_in_all_resamples_and_its_interval_lies_above_zero():
    change = contrast(BAD, GOOD).overall

    assert change.better == 1.0
    assert 0 < change.low < change.lead < change.high


def test_the_same_on_both_sides_has_no_lead_at_all():
    change = contrast(GOOD, GOOD).overall

    assert (change.lead, change.low, change.high, change.better) == (0, 0, 0, 0)


def test_the_same_comparison_gives_the_same_numbers():
    assert contrast(BAD, GOOD) == contrast(BAD, GOOD)


def test_the_interval_holds_the_true_lead_nearly_always():
    """On draws from a pool whose truth is known; docs/gate.md has what share it is by size."""
    pool = evaluation(800)
    other = harm(pool, 0.2, seed=3)
    truth = contrast(other, pool, resamples=1).overall.lead
    rng = np.random.default_rng(2)

    draws = [rng.integers(0, 800, 60) for _ in range(60)]
    changes = [contrast(draw(other, images), draw(pool, images), resamples=100).overall for images in draws]

    assert sum(change.low <= truth <= change.high for change in changes) >= 48


def test_classes_are_counted_and_changed_each_for_itself():
    one_lost = harm(GOOD, 1.0, seed=1, of_class=1)

    bird, cattle, fish = contrast(GOOD, one_lost).classes

    assert [part.name for part in (bird, cattle, fish)] == ["Bird", "Cattle", "Fish"]
    assert cattle.change.high < -0.3
    assert bird.change.lead > -0.1
    assert sum(part.boxes for part in (bird, cattle, fish)) == 240


def test_different_splits_are_never_compared():
    with pytest.raises(ValueError, match="different splits"):
        contrast(GOOD, evaluation(79))


def test_labels_that_differ_are_never_compared():
    moved = replace(GOOD.labels, class_id=GOOD.labels.class_id[::-1].copy())

    with pytest.raises(ValueError, match="different splits"):
        contrast(GOOD, replace(GOOD, labels=moved))


def test_what_the_champion_was_first_measured_on_is_told_apart_from_what_came_since():
    known = set(GOOD.images[:50])

    comparison = contrast(BAD, GOOD, known=known)

    assert (comparison.known.images, comparison.fresh.images) == (50, 30)
    assert comparison.known.boxes + comparison.fresh.boxes == 240
    assert comparison.known.change != comparison.fresh.change


def test_without_new_images_there_is_no_fresh_part_and_without_old_ones_no_known_part():
    everything, nothing = contrast(BAD, GOOD, known=GOOD.images), contrast(BAD, GOOD)

    assert everything.known.images == 80
    assert everything.fresh is None
    assert nothing.known is None
    assert nothing.fresh is None


def test_mistakes_are_labels_not_found_and_boxes_shown_where_nothing_is():
    measured = evaluation(4, boxes=2, false=3, recall=1.0, spread=0.0)

    assert measured.mistakes(threshold=0.0).tolist() == [3, 3, 3, 3]
    assert measured.mistakes(threshold=0.7).sum() <= 8
    assert measured.without_detections().mistakes(0.25).tolist() == [2, 2, 2, 2]


def test_of_two_boxes_on_one_object_the_surer_alone_is_shown_and_a_mistake():
    single = evaluation(4, boxes=1, false=0, recall=1.0, spread=0.0)
    twice, number = single.detections, len(single.detections.image)
    double = replace(
        twice, class_id=(twice.class_id + 1) % 3, confidence=twice.confidence / 2, hits=np.zeros_like(twice.hits)
    )
    both = {name: np.concatenate([getattr(twice, name), getattr(double, name)]) for name in twice.__slots__}
    measured = replace(single, detections=PredictedBoxes(**both))

    assert measured.shown(0.0).tolist() == [True] * number + [False] * number
    assert measured.mistakes(0.0).tolist() == [0, 0, 0, 0]
    assert measured.mistakes(0.0, kind_of=str.casefold).tolist() == [1, 1, 1, 1]  # each label a kind of its own


@pytest.mark.parametrize("kind_of", [one_kind, str.casefold])
def test_boxes_are_counted_at_each_threshold_as_they_would_be_shown(kind_of):
    comparison = contrast(BAD, GOOD, thresholds=(0.1, 0.25), kind_of=kind_of, resamples=10)

    assert [one.threshold for one in comparison.shown] == [0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    for one in comparison.shown:
        shown = GOOD.shown(one.threshold, kind_of)
        assert one.right + one.wrong == shown.sum()
        assert one.right + one.missed == comparison.candidate.boxes
        assert one.mistakes == GOOD.mistakes(one.threshold, kind_of).sum()
    assert comparison.fewest_mistakes.mistakes == min(one.mistakes for one in comparison.shown)


def test_images_are_fixed_or_broken_by_their_mistakes_the_clearest_first():
    mistakes = contrast(BAD, GOOD).mistakes

    better, worse = list_fixed(mistakes), list_broken(mistakes)

    assert len(better) > len(worse)
    assert better[0].champion - better[0].candidate == max(one.champion - one.candidate for one in mistakes)
    assert not {one.image for one in better} & {one.image for one in worse}
